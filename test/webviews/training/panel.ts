import type { Browser } from 'playwright-core';
import type { Handlers } from '../../../webviews/protocol/messenger.ts';
import type { TrainingHostMethods, TrainingPageMethods } from '../../../webviews/protocol/training.ts';
import { openPanel as openPanelPage, type PanelPage, type Theme, themes } from '../../support/panelPage.ts';

export { themes };

export interface PanelLooks {
  readonly theme?: Theme;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

export type OpenPanel = PanelPage<TrainingPageMethods> & {
  /** Whatever went wrong in the page: uncaught errors, what the policy refused, addresses that are not its own. */
  complaints(): string[];
};

/** The training panel, 1000 × 800 pixels and dark unless said otherwise; its page may use the clipboard. */
export async function openPanel(
  browser: Browser,
  handlers: Handlers<TrainingHostMethods>,
  looks: PanelLooks = {},
): Promise<OpenPanel> {
  const panel = await openPanelPage<TrainingHostMethods, TrainingPageMethods>({
    browser,
    name: 'training',
    handlers,
    theme: 'dark',
    width: 1000,
    ...looks,
  });
  await panel.page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: panel.origin });
  const complaints = () => [
    ...panel.errors,
    ...panel.violations,
    ...panel.requests.filter((address) => !address.startsWith(`${panel.origin}/`)),
  ];
  return Object.defineProperties({ complaints } as OpenPanel, Object.getOwnPropertyDescriptors(panel));
}

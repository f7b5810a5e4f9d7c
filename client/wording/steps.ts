/** The steps of package.json's walkthrough, in order. */
export const steps = ['project', 'label', 'train', 'scores', 'compare'] as const;
export type Step = (typeof steps)[number];

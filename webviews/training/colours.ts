/** Colours of charts, from the editor's theme. A canvas knows no CSS variables, so they are read when they change. */

export interface ChartColours {
  readonly line: string;
  readonly compared: string;
  readonly text: string;
  readonly grid: string;
}

export function chartColours(): ChartColours {
  const style = getComputedStyle(document.documentElement);
  const first = (...names: string[]) =>
    names.map((name) => style.getPropertyValue(name).trim()).find((value) => value !== '') ?? 'currentColor';
  const foreground = first('--vscode-charts-foreground', '--vscode-foreground');
  return {
    line: first('--vscode-charts-blue', '--vscode-foreground'),
    // Blue and yellow are told apart by everybody, and the line is dashed besides.
    compared: first('--vscode-charts-yellow', '--vscode-foreground'),
    text: foreground,
    grid: first('--vscode-charts-lines', '--vscode-foreground'),
  };
}

/** Calls back when the editor's theme changed. */
export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
}

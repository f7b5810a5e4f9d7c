/** Puts a text on the clipboard; resolves with a sentence about what came of it. */
export async function copyText(text: string): Promise<string> {
  const lines = text.split('\n').length - 2;
  try {
    await navigator.clipboard.writeText(text);
    return `Copied ${lines} rows.`;
  } catch {
    // Without the permission: as a person would do it.
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'unseen';
    document.body.append(field);
    const before = document.activeElement;
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    return done ? `Copied ${lines} rows.` : 'The clipboard refused the table.';
  }
}

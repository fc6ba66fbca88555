/** Names of classes as somebody lists them: by lines, commas or blanks between. Each once. */
export function classNames(text: string): string[] {
  return [...new Set(text.split(/[\n,，、;；]+/).map((name) => name.trim()).filter((name) => name !== ''))]
}

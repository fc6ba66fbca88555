// The little Markdown of guides: paragraphs, lists, headings, bold. It becomes data that templates show as text, so that
// nothing of it can ever be markup.

export interface Piece {
  text: string
  strong: boolean
}

export type Block = { kind: 'paragraph' | 'heading'; lines: Piece[][] } | { kind: 'list'; ordered: boolean; lines: Piece[][] }

const ITEM = /^\s*(?:[-*+]|(\d+)[.)、])\s+/

export function pieces(line: string): Piece[] {
  return line
    .split(/(\*\*[^*]+\*\*)/)
    .filter((part) => part !== '')
    .map((part) => (/^\*\*[^*]+\*\*$/.test(part) ? { text: part.slice(2, -2), strong: true } : { text: part, strong: false }))
}

export function blocks(markdown: string): Block[] {
  return markdown
    .replaceAll('\r\n', '\n')
    .split(/\n{2,}/)
    .flatMap((part): Block[] => {
      const lines = part.split('\n').filter((line) => line.trim() !== '')
      if (lines.length === 0) return []
      if (lines.every((line) => ITEM.test(line))) {
        return [{ kind: 'list', ordered: ITEM.exec(lines[0] ?? '')?.[1] !== undefined, lines: lines.map((line) => pieces(line.replace(ITEM, ''))) }]
      }
      if (lines.length === 1 && /^#{1,6}\s/.test(lines[0] ?? '')) return [{ kind: 'heading', lines: [pieces((lines[0] ?? '').replace(/^#+\s+/, ''))] }]
      return [{ kind: 'paragraph', lines: lines.map(pieces) }]
    })
}

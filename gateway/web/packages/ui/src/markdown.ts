// Markdown as elements of the page. Nothing is ever taken for HTML, and links lead only where links may.
import { lexer, type MarkedToken, type Token, type Tokens } from 'marked'
import { h, type VNode } from 'vue'

/** The parts of a page that a text may have. HTML and pictures are no part of it: they stay the text that was written. */
type Part = VNode | string

const WEB = /^(?:https?:|mailto:|tel:|\/(?!\/)|#)/i

/** Characters that people write by name, since Markdown takes them for marks. */
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: '\u00a0', ensp: '\u2002', emsp: '\u2003' }

function plain(text: string): string {
  return text.replace(/&(\w+);/g, (written, name: string) => NAMED[name] ?? written)
}

function link(token: Tokens.Link): Part[] {
  const inside = parts(token.tokens)
  if (!WEB.test(token.href)) return inside
  return [h('a', { href: token.href, ...(/^https?:/i.test(token.href) ? { rel: 'noopener noreferrer nofollow' } : {}) }, inside)]
}

function list(token: Tokens.List): VNode {
  const items = token.items.map((item) => h('li', parts(item.tokens)))
  return token.ordered ? h('ol', token.start === 1 || token.start === '' ? {} : { start: token.start }, items) : h('ul', items)
}

function table(token: Tokens.Table): VNode {
  const row = (cells: Tokens.TableCell[], tag: 'th' | 'td'): VNode => h('tr', cells.map((cell) => h(tag, tag === 'th' ? { scope: 'col' } : {}, parts(cell.tokens))))
  return h('table', [h('thead', [row(token.header, 'th')]), h('tbody', token.rows.map((cells) => row(cells, 'td')))])
}

function part(token: MarkedToken): Part[] {
  switch (token.type) {
    case 'heading':
      // A page has one heading of the first level, and it is not in the text.
      return [h(`h${Math.max(2, token.depth)}`, parts(token.tokens))]
    case 'paragraph':
      return [h('p', parts(token.tokens))]
    case 'blockquote':
      return [h('blockquote', parts(token.tokens))]
    case 'list':
      return [list(token)]
    case 'table':
      return [table(token)]
    case 'code':
      return [h('pre', [h('code', token.text)])]
    case 'hr':
    case 'br':
      return [h(token.type)]
    case 'strong':
    case 'em':
    case 'del':
      return [h(token.type, parts(token.tokens))]
    case 'codespan':
      return [h('code', token.text)]
    case 'link':
      return link(token)
    case 'text':
      return token.tokens === undefined ? [plain(token.text)] : parts(token.tokens)
    case 'escape':
      return [token.text]
    case 'space':
    case 'def':
      return []
    default:
      return [token.raw]
  }
}

function parts(tokens: readonly Token[]): Part[] {
  return tokens.flatMap((token) => part(token as MarkedToken))
}

export function rendered(text: string): Part[] {
  return parts(lexer(text, { gfm: true, breaks: true }))
}

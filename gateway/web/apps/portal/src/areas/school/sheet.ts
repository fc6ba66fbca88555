// Reads the first sheet of a roster file in the browser, to show a faulty cell among its neighbours.
import { strFromU8, unzipSync } from 'fflate'

/** Larger parts than this are not opened: a sheet of the largest school stays well below. */
const LARGEST = 200 * 1024 * 1024

/** The rows of a CSV or XLSX file as texts. */
export function readSheet(bytes: Uint8Array): string[][] {
  return bytes[0] === 0x50 && bytes[1] === 0x4b ? readWorkbook(bytes) : readCsv(decode(bytes))
}

/** UTF-8, or what spreadsheets here write otherwise. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('gb18030').decode(bytes)
  }
}

export function readCsv(text: string): string[][] {
  const rows: string[][] = []
  let [row, cell, quoted]: [string[], string, boolean] = [[], '', false]
  const endRow = (): void => {
    rows.push([...row, cell])
    ;[row, cell] = [[], '']
  }
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]
    if (quoted) {
      if (letter !== '"') cell += letter
      else if (text[at + 1] === '"') [cell, at] = [`${cell}"`, at + 1]
      else quoted = false
    } else if (letter === '"' && cell === '') quoted = true
    else if (letter === ',') {
      row.push(cell)
      cell = ''
    } else if (letter === '\n') endRow()
    else if (letter !== '\r') cell += letter
  }
  if (cell !== '' || row.length > 0) endRow()
  return rows
}

function readWorkbook(bytes: Uint8Array): string[][] {
  const parts = unzipSync(bytes, { filter: (part) => /^xl\/(sharedStrings|worksheets\/sheet\d+)\.xml$/.test(part.name) && part.originalSize <= LARGEST })
  const first = Object.keys(parts).filter((name) => name.includes('worksheets')).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))[0]
  if (first === undefined) throw new Error('a workbook without a sheet')
  const xml = (name: string): Document => new DOMParser().parseFromString(strFromU8(parts[name] ?? new Uint8Array()), 'application/xml')
  const shared = parts['xl/sharedStrings.xml'] === undefined ? [] : [...xml('xl/sharedStrings.xml').getElementsByTagName('si')].map(textOf)
  const rows: string[][] = []
  for (const row of xml(first).getElementsByTagName('row')) {
    const cells: string[] = []
    for (const cell of row.getElementsByTagName('c')) {
      const value = cell.getAttribute('t') === 'inlineStr' ? textOf(cell) : (cell.getElementsByTagName('v')[0]?.textContent ?? '')
      cells[columnOf(cell.getAttribute('r') ?? '', cells.length)] = cell.getAttribute('t') === 's' ? (shared[Number(value)] ?? '') : value
    }
    rows[Number(row.getAttribute('r') ?? rows.length + 1) - 1] = Array.from(cells, (text) => text ?? '')
  }
  return Array.from(rows, (row) => row ?? [])
}

/** The words of a piece of rich text, without how they are spoken. */
function textOf(element: Element): string {
  return [...element.getElementsByTagName('t')].filter((text) => text.parentElement?.tagName !== 'rPh').map((text) => text.textContent ?? '').join('')
}

/** The place of a cell by its name: B12 is 1. */
function columnOf(name: string, otherwise: number): number {
  const letters = /^[A-Z]+/.exec(name)?.[0]
  return letters === undefined ? otherwise : [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1
}

/** A column as sheets name it: 0 is A, 27 is AB. */
export function columnName(at: number): string {
  return at < 26 ? String.fromCharCode(65 + at) : columnName(Math.floor(at / 26) - 1) + columnName(at % 26)
}

export interface Peek {
  columns: { name: string; header: string; at: number }[]
  rows: { number: number; cells: string[]; fault: boolean }[]
  /** Place of the faulty column; -1 when the whole row is meant. */
  column: number
}

const AROUND = 2

/** The faulty cell with two rows and columns on each side. `row` counts from 1 with the header, `column` is the header's text. */
export function peek(sheet: readonly (readonly string[])[], row: number, column: string): Peek {
  const headers = sheet[0] ?? []
  const at = headers.findIndex((header) => header.trim() === column.trim())
  const from = Math.max(0, Math.min((at < 0 ? 0 : at) - AROUND, headers.length - 2 * AROUND - 1))
  const columns = headers.slice(from, from + 2 * AROUND + 1).map((header, index) => ({ name: columnName(from + index), header, at: from + index }))
  const numbers = Array.from({ length: 2 * AROUND + 1 }, (_, index) => row - AROUND + index).filter((number) => number > 1 && number <= sheet.length)
  return { columns, column: at, rows: numbers.map((number) => ({ number, fault: number === row, cells: columns.map((one) => sheet[number - 1]?.[one.at] ?? '') })) }
}

// The sheet of offers to many: read from a CSV, edited in the page, written as the server reads it.
import type { Schema } from '@qihang/api'
import COLUMNS from './columns.json'

/** What each column may be called in a sheet; the first is what we call it. Sheets are Chinese in every language of the pages. */
export { COLUMNS }
export type Cells = string[]
export type Outcome = Schema<'contracts.v1.BulkOfferResponse.Row'>

export const MAX_ROWS = 200
export const MAX_BYTES = 262_144
/** Rows that are sent in one call, so that progress can be told and a break costs little. */
export const CHUNK = 25

export const emptyRow = (): Cells => COLUMNS.map(() => '')
export const isBlank = (row: Cells): boolean => row.every((cell) => cell.trim() === '')

/** UTF-8 where it is, else what Chinese spreadsheets write. */
export function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('gb18030').decode(bytes)
  }
}

/** The cells of a CSV (RFC 4180). */
export function parseCsv(text: string): string[][] {
  const table: string[][] = []
  let row: string[] = []
  let cell = ''
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (quoted) {
      if (sign !== '"') cell += sign
      else if (text[at + 1] === '"') cell += text[at++]
      else quoted = false
    } else if (sign === '"') quoted = true
    else if (sign === ',') {
      row.push(cell)
      cell = ''
    } else if (sign === '\n') {
      table.push([...row, cell])
      row = []
      cell = ''
    } else if (sign !== '\r') cell += sign
  }
  return cell === '' && row.length === 0 ? table : [...table, [...row, cell]]
}

/** The rows of a sheet in our columns; undefined when its header lacks what must be there. */
export function rowsOf(table: string[][]): Cells[] | undefined {
  const header = (table[0] ?? []).map((title) => title.trim())
  const places = COLUMNS.map((column) => header.findIndex((title) => column.titles.includes(title)))
  if (places.slice(0, 3).includes(-1)) return undefined
  return table
    .slice(1)
    .map((cells) => places.map((place) => (cells[place] ?? '').trim()))
    .filter((row) => !isBlank(row))
}

export function csvOf(rows: readonly Cells[]): string {
  const line = (cells: readonly string[]): string => cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')
  return [COLUMNS.map((column) => column.titles[0] ?? ''), ...rows].map(line).join('\r\n') + '\r\n'
}

export function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

/** What is sent, piece by piece: each a sheet of its own with its header. */
export function pieces(rows: readonly Cells[], size: number): string[] {
  const filled = rows.filter((row) => !isBlank(row))
  const count = Math.ceil(filled.length / size)
  return Array.from({ length: count }, (_, piece) => base64(new TextEncoder().encode(csvOf(filled.slice(piece * size, (piece + 1) * size)))))
}

/** Outcomes of one piece with the numbers of the whole; the header of every piece is row 1. */
export function numbered(outcomes: readonly Outcome[], piece: number, size: number): Outcome[] {
  return outcomes.map((outcome) => ({ ...outcome, row: outcome.row + piece * size }))
}

/** Which column a refusal is about: the one it names, the school, or the student. */
export function columnOf(outcome: Outcome): number {
  if (outcome.reasonCode === 'SCHOOL_UNKNOWN') return 0
  const named = COLUMNS.findIndex((column) => column.titles.some((title) => outcome.reason.includes(`\u201c${title}\u201d`)))
  return named === -1 ? 1 : named
}

/** Where a row of the report stands in the page: blank rows are not sent. */
export function placeOf(outcome: Outcome, rows: readonly Cells[]): number {
  return rows.map((row, at) => (isBlank(row) ? -1 : at)).filter((at) => at >= 0)[outcome.row - 2] ?? 0
}

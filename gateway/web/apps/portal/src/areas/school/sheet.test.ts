import { strToU8, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { columnName, peek, readCsv, readSheet } from './sheet'

describe('CSV', () => {
  it('reads quotes, doubled quotes, line breaks in cells and a last line without an end', () => {
    expect(readCsv('xh,xm\r\n1,"王, ""小""\n伟"\r\n2,李')).toEqual([['xh', 'xm'], ['1', '王, "小"\n伟'], ['2', '李']])
  })
  it('reads GB 18030 where it is no UTF-8', () => {
    const bytes = new Uint8Array([0xd1, 0xa7, 0xba, 0xc5, 0x0a, 0x31])
    expect(readSheet(bytes)).toEqual([['学号'], ['1']])
  })
})

describe('XLSX', () => {
  it('reads shared and inline texts, numbers and gaps', () => {
    const book = zipSync({
      'xl/sharedStrings.xml': strToU8('<sst><si><t>学号</t></si><si><r><t>姓</t></r><r><t>名</t></r></si></sst>'),
      'xl/worksheets/sheet1.xml': strToU8('<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row r="3"><c r="A3"><v>7</v></c><c r="C3" t="inlineStr"><is><t>李明</t></is></c></row></sheetData></worksheet>'),
    })
    expect(readSheet(book)).toEqual([['学号', '', '姓名'], [], ['7', '', '李明']])
  })
})

describe('a look at a faulty cell', () => {
  const sheet = [['a', 'b', 'c', 'd', 'e', 'f', 'g'], ...Array.from({ length: 9 }, (_, row) => Array.from('abcdefg', (name) => `${name}${row + 2}`))]
  it('shows two rows and columns on each side', () => {
    const found = peek(sheet, 5, 'd')
    expect(found.columns.map((column) => column.name)).toEqual(['B', 'C', 'D', 'E', 'F'])
    expect(found.rows.map((row) => row.number)).toEqual([3, 4, 5, 6, 7])
    expect(found.rows[2]).toEqual({ number: 5, fault: true, cells: ['b5', 'c5', 'd5', 'e5', 'f5'] })
  })
  it('stays within the sheet', () => {
    expect(peek(sheet, 2, 'a').rows.map((row) => row.number)).toEqual([2, 3, 4])
    expect(peek(sheet, 10, 'g').columns.map((column) => column.name)).toEqual(['C', 'D', 'E', 'F', 'G'])
    expect(peek(sheet, 10, 'zzz').column).toBe(-1)
  })
})

it('names columns as sheets do', () => {
  expect([0, 25, 26, 27, 51, 52].map(columnName)).toEqual(['A', 'Z', 'AA', 'AB', 'AZ', 'BA'])
})

import { describe, expect, it } from 'vitest'
import { columnOf, csvOf, decode, numbered, parseCsv, pieces, placeOf, rowsOf, type Outcome } from './bulk'

const outcome = (given: Partial<Outcome>): Outcome => ({ row: 2, studentNumber: '', studentName: '', agreementId: '', reasonCode: '', reason: '', ...given })

describe('sheets', () => {
  it('are read with quotes, other titles, other order and blank rows', () => {
    const table = parseCsv('\ufeff姓名,备注,学号,学校代码,月薪\r\n张三,"优先,""急""",2026001,4123010213,6500\r\n,,,,\r\n李四,,2026002,4123010213,'.replace('\ufeff', ''))
    expect(rowsOf(table)).toEqual([
      ['4123010213', '2026001', '张三', '', '6500', '', ''],
      ['4123010213', '2026002', '李四', '', '', '', ''],
    ])
  })
  it('want school, number and name', () => {
    expect(rowsOf(parseCsv('学校,学号\n1,2\n'))).toBeUndefined()
  })
  it('come back as they went', () => {
    const rows = [['哈尔滨工业大学', '1', '张"三"', '会计, 出纳', '', '', '一号\n二楼']]
    expect(rowsOf(parseCsv(csvOf(rows)))).toEqual(rows)
  })
  it('may be written by Chinese spreadsheets', () => {
    expect(decode(new Uint8Array([0xd0, 0xd5, 0xc3, 0xfb]))).toBe('姓名')
    expect(decode(new TextEncoder().encode('学校'))).toBe('学校')
  })
})

describe('pieces', () => {
  const rows = [['a', '1', 'x', '', '', '', ''], ['', '', '', '', '', '', ''], ['a', '2', 'y', '', '', '', ''], ['a', '3', 'z', '', '', '', '']]
  it('leave blank rows out and number what comes back over the whole', () => {
    expect(pieces(rows, 2)).toHaveLength(2)
    expect(numbered([outcome({ row: 2 })], 1, 2).map((one) => one.row)).toEqual([4])
    expect(placeOf(outcome({ row: 4 }), rows)).toBe(3)
    expect(placeOf(outcome({ row: 3 }), rows)).toBe(2)
  })
})

describe('refusals', () => {
  it('open at the cell that they are about', () => {
    expect(columnOf(outcome({ reasonCode: 'MONEY_INVALID', reason: '“试用期月薪”应为不带小数的元数' }))).toBe(5)
    expect(columnOf(outcome({ reasonCode: 'SCHOOL_UNKNOWN', reason: '没有这所学校' }))).toBe(0)
    expect(columnOf(outcome({ reasonCode: 'STUDENT_NOT_FOUND', reason: '没有找到' }))).toBe(1)
  })
})

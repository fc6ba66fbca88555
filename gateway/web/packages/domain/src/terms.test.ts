import { describe, expect, it } from 'vitest'
import { forbiddenWords, longestProbation, termsFaults, termsHints, type TermsFacts } from './terms'

const TODAY = '2026-06-01'
const good: TermsFacts = {
  position: '软件工程师',
  jobCategoryCode: '13',
  workRegionCode: '230102',
  contractMonths: 36,
  probationMonths: 3,
  probationSalary: 6_400,
  salary: 8_000,
  reportBy: '2026-07-15',
}
const refused = (change: TermsFacts): string | undefined => termsFaults({ ...good, ...change }, TODAY)[0]?.field

// The same cases as in services/contracts/src/domain/terms.rs.
describe('what the law refuses', () => {
  it('lets the longest probation follow the contract', () => {
    expect([0, 2, 3, 11, 12, 35, 36].map(longestProbation)).toEqual([6, 0, 1, 1, 2, 2, 6])
    expect(refused({})).toBeUndefined()
    expect(refused({ probationMonths: 7 })).toBe('probationMonths')
  })
  it('wants four fifths of the salary in probation', () => {
    expect(refused({ probationSalary: 6_399 })).toBe('probationSalary')
    expect(refused({ probationSalary: 6_400 })).toBeUndefined()
    expect(refused({ probationSalary: 1, probationMonths: 0 })).toBeUndefined()
  })
  it('wants the day to report not to have passed', () => {
    expect(refused({ reportBy: '2026-05-31' })).toBe('reportBy')
    expect(refused({ reportBy: TODAY })).toBeUndefined()
  })
  it('finds what takes money from students, even with blanks in it', () => {
    expect(forbiddenWords('须交 押 金 500 元')).toBe('押金')
    expect(refused({ other: '入职须交押金' })).toBe('other')
    expect(refused({ lodging: '交保证金后入住' })).toBe('lodging')
    expect(forbiddenWords('按时发放工资')).toBeUndefined()
  })
})

describe('what is worth a second look', () => {
  it('stops nothing', () => {
    const terms = { ...good, studentPenalty: 9_000 }
    expect(termsFaults(terms, TODAY)).toEqual([])
    expect(termsHints(terms).map((hint) => hint.code)).toEqual(['PENALTY_HIGH', 'PENALTY_UNEQUAL', 'INSURANCE_MISSING', 'RELEASE_MISSING'])
  })
  it('is silent about complete terms', () => {
    expect(termsHints({ ...good, insurance: '五险一金', release: '升学、入伍' })).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { fieldOf, lastDay, missing, termsBody, termsCheck, termsValues } from './terms'

const filled = { ...termsValues(), position: '会计', jobCategoryCode: '13', workRegionCode: '230102', contractMonths: '36', probationMonths: '0', salary: '6000', reportBy: '2027-07-01' }

describe('terms between form and contract', () => {
  it('come back as they went', () => {
    const body = termsBody({ ...filled, acceptsArchive: true, archiveReceiver: '人才中心', archiveAddress: '一号' })
    expect(body.archive).toMatchObject({ receiver: '人才中心', address: '一号' })
    expect(body.household).toBeUndefined()
    expect(termsBody(termsValues(body))).toEqual(body)
  })
  it('leave out what a switch has turned off', () => {
    const body = termsBody({ ...filled, probationSalary: '5000', openEnded: true, archiveReceiver: '人才中心' })
    expect(body).toMatchObject({ probationSalary: 0, contractMonths: 0, acceptsArchive: false })
    expect(body.archive).toBeUndefined()
  })
})

describe('what a form complains of', () => {
  const say = { missing: (field: string) => `missing ${field}`, fault: (code: string) => code }
  it('wants what a switch or a number calls for', () => {
    expect(missing(filled)).toEqual([])
    expect(missing({ ...filled, contractMonths: '', probationMonths: '2', acceptsArchive: true, acceptsHousehold: true })).toEqual(['contractMonths', 'probationSalary', 'archiveReceiver', 'archiveAddress', 'householdAddress'])
  })
  it('tells the law at its field', () => {
    expect(termsCheck({ ...filled, contractMonths: '12', probationMonths: '3', probationSalary: '6000' }, '2026-11-28', say)).toEqual({ probationMonths: 'PROBATION_LONG' })
  })
})

describe('paths and days', () => {
  it('finds the field of a path in the tree', () => {
    expect(fieldOf('terms.archive.receiver')).toBe('archiveReceiver')
    expect(fieldOf('terms.household.address')).toBe('householdAddress')
    expect(fieldOf('terms.salary')).toBeUndefined()
  })
  it('counts days in Beijing', () => {
    expect(lastDay('7', new Date('2026-11-27T15:59:00Z'))).toBe('2026-12-04')
    expect(lastDay('7', new Date('2026-11-27T16:01:00Z'))).toBe('2026-12-05')
    expect(lastDay('', new Date())).toBeUndefined()
    expect(lastDay('31', new Date())).toBeUndefined()
  })
})

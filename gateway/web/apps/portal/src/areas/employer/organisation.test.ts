import { describe, expect, it } from 'vitest'
import { expiresSoon, modeOf, profileChanges, profileValues, type Employer } from './organisation'

const employer = (...allowed: string[]): Employer => ({ actions: ['save', 'submit', 'revise'].map((name) => ({ name, allowed: allowed.includes(name), reasonCode: '', reason: '' })) }) as unknown as Employer

describe('the data of the organisation', () => {
  it('sends only what differs', () => {
    const before = { address: '创新一路1号', website: '' }
    expect(profileChanges(before, { ...profileValues(before), address: ' 创新一路1号 ', website: 'https://example.com' })).toEqual({ website: 'https://example.com' })
  })
  it('is sent in the way that the actions allow', () => {
    expect(modeOf(employer('save', 'submit'))).toBe('admit')
    expect(modeOf(employer('submit'))).toBe('renew')
    expect(modeOf(employer('revise'))).toBe('revise')
    expect(modeOf(employer())).toBeUndefined()
  })
  it('speaks of the end sixty days before it', () => {
    expect(expiresSoon('2027-01-25T00:00:00Z', new Date('2026-11-27T00:00:00Z'))).toBe(true)
    expect(expiresSoon('2027-01-27T00:00:00Z', new Date('2026-11-27T00:00:00Z'))).toBe(false)
    expect(expiresSoon(undefined, new Date())).toBe(false)
  })
})

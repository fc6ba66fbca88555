import { describe, expect, it } from 'vitest'
import type { Agreement } from '@qihang/student/signing.ts'
import { changeOf, compared, deadline, dueOf, waitingFor } from './agreement'

const agreement = (given: object): Agreement => ({ id: 'a', state: 'AGREEMENT_STATE_DRAFT', revision: 1, signedRevision: 0, waitingFor: '', actions: [], ...given }) as unknown as Agreement
const NONE = new Set<string>()

describe('what an employer is to do', () => {
  it('is to answer a wish to cancel before all else', () => {
    const wish = agreement({ state: 'AGREEMENT_STATE_AMEND_PENDING_STUDENT', waitingFor: 'STUDENT', amendDeadline: '2027-01-01T00:00:00Z', cancelRequest: { requester: 'STUDENT', reason: '', expireTime: '2026-12-01T00:00:00Z' } })
    expect([dueOf(wish, NONE), waitingFor(wish), deadline(wish)]).toEqual(['cancel', 'EMPLOYER', '2026-12-01T00:00:00Z'])
  })
  it('is to offer anew what the school refused, once', () => {
    const refused = agreement({ state: 'AGREEMENT_STATE_SCHOOL_REJECTED' })
    expect(dueOf(refused, NONE)).toBe('rejected')
    expect(dueOf(refused, new Set(['a']))).toBeUndefined()
  })
  it('has nothing to do with what is done', () => {
    expect(dueOf(agreement({ state: 'AGREEMENT_STATE_EFFECTIVE' }), NONE)).toBeUndefined()
  })
})

describe('what can be changed', () => {
  it('follows the actions alone', () => {
    expect(changeOf(agreement({ actions: [{ name: 'edit', allowed: true, reasonCode: '', reason: '' }] }))).toBe('edit')
    expect(changeOf(agreement({ actions: [{ name: 'amend', allowed: false, reasonCode: 'REVIEW_CLAIMED', reason: '' }] }))).toBeUndefined()
  })
})

describe('revisions side by side', () => {
  it('compares with what both signed, else with the one before', () => {
    expect(compared(agreement({}))).toBeUndefined()
    expect(compared(agreement({ revision: 4, signedRevision: 2 }))).toEqual({ from: 2, to: 4 })
    expect(compared(agreement({ revision: 3, signedRevision: 3 }))).toEqual({ from: 2, to: 3 })
  })
})

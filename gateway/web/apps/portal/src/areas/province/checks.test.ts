import type { Schema } from '@qihang/api'
import { describe, expect, it } from 'vitest'
import { changesOf, checksOf } from './checks'

const employer = {
  name: '松江软件',
  creditCode: '91230100MA18XXXX0P',
  blacklistReason: '',
  licenceFileId: 'a',
  authorisationFileId: 'b',
  contactIdentityFileId: 'c',
  profile: { regionCode: '230103', contactPhone: '0451-86281234', contactEmail: 'hr@example.com', address: '中山路 1 号' },
} as unknown as Schema<'identity.v1.Employer'>

const stateOf = (changes: Partial<Schema<'identity.v1.Employer'>>, code: string) => checksOf({ ...employer, ...changes }).find((check) => check.code === code)?.state

describe('checksOf', () => {
  it('finds a code whose last place is wrong', () => {
    expect(stateOf({ creditCode: '91230100MA18XXXX0P' }, 'creditCode')).toBe('bad')
  })
  it('wants a second look when another province registered it', () => {
    expect(stateOf({}, 'region')).toBe('ok')
    expect(stateOf({ creditCode: '91110100MA18XXXX0P' }, 'region')).toBe('look')
    expect(stateOf({ creditCode: '91100000MA18XXXX0P' }, 'region')).toBe('ok')
  })
  it('finds a paper that serves twice', () => {
    expect(stateOf({}, 'papers')).toBe('ok')
    expect(stateOf({ authorisationFileId: 'a' }, 'papers')).toBe('bad')
  })
  it('takes mobiles and lines with their area code', () => {
    expect(stateOf({}, 'phone')).toBe('ok')
    expect(stateOf({ profile: { contactPhone: '12345' } }, 'phone')).toBe('look')
  })
  it('stops at the blacklist', () => {
    expect(stateOf({ blacklistReason: '虚假招聘' }, 'blacklist')).toBe('bad')
  })
})

describe('changesOf', () => {
  it('marks nothing without a revision', () => {
    expect(changesOf(employer).some((change) => change.changed)).toBe(false)
  })
  it('marks what a revision changes and nothing else', () => {
    const revision = { name: '松江软件', profile: { ...employer.profile, address: '红军街 2 号' } } as unknown as Schema<'identity.v1.EmployerRevision'>
    expect(changesOf({ ...employer, revision }).filter((change) => change.changed)).toEqual([{ field: 'address', before: '中山路 1 号', after: '红军街 2 号', changed: true }])
  })
})

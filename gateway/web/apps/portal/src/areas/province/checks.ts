// What a machine can say of an employer before a person decides. A hint stops nothing; the papers have the last word.
import type { Schema } from '@qihang/api'
import { rules } from '@qihang/domain'

export interface Check {
  /** Message below `province.checks`. */
  code: 'creditCode' | 'blacklist' | 'region' | 'phone' | 'email' | 'papers'
  state: 'ok' | 'look' | 'bad'
}

type Employer = Pick<Schema<'identity.v1.Employer'>, 'creditCode' | 'profile' | 'blacklistReason' | 'licenceFileId' | 'authorisationFileId' | 'contactIdentityFileId'>

/** The registering authority's region stands in places 3 to 8 of the credit code (GB 32100); national bodies have 100000. */
function sameProvince(creditCode: string, regionCode: string): boolean {
  const authority = creditCode.slice(2, 8)
  return authority === '100000' || authority.slice(0, 2) === regionCode.slice(0, 2)
}

export function checksOf(employer: Employer): Check[] {
  const profile = employer.profile
  const papers = [employer.licenceFileId, employer.authorisationFileId, employer.contactIdentityFileId]
  const phone = profile?.contactPhone ?? ''
  return [
    { code: 'creditCode', state: rules.isCreditCode(employer.creditCode) ? 'ok' : 'bad' },
    { code: 'blacklist', state: employer.blacklistReason === '' ? 'ok' : 'bad' },
    { code: 'region', state: sameProvince(employer.creditCode, profile?.regionCode ?? '') ? 'ok' : 'look' },
    { code: 'phone', state: rules.isMobile(phone) || /^0\d{2,3}-?\d{7,8}$/.test(phone) ? 'ok' : 'look' },
    { code: 'email', state: rules.isEmail(profile?.contactEmail ?? '') ? 'ok' : 'look' },
    { code: 'papers', state: papers.every((id) => id !== '') && new Set(papers).size === papers.length ? 'ok' : 'bad' },
  ]
}

export interface FieldChange {
  /** Name of the field below `province.fields`. */
  field: string
  before: string
  after: string
  changed: boolean
}

/** What the employer says of itself, in the order in which it is read; codes have their words from the server. */
export const PROFILE_FIELDS = ['natureCode', 'industryCode', 'scaleCode', 'regionCode', 'address', 'postcode', 'legalPerson', 'contactName', 'contactPhone', 'contactEmail', 'website', 'introduction'] as const

/** What a revision changes, field by field. */
export function changesOf(employer: Schema<'identity.v1.Employer'>): FieldChange[] {
  const revision = employer.revision
  const one = (field: string, before = '', after = ''): FieldChange => ({ field, before, after, changed: revision !== undefined && before !== after })
  return [
    one('name', employer.name, revision?.name),
    ...PROFILE_FIELDS.map((field) => one(field, employer.profile?.[field] ?? '', revision?.profile?.[field] ?? '')),
  ]
}

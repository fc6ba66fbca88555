// What the pages of the organisation know of it beside what the server tells.
import type { Schema } from '@qihang/api'
import { rules, type Rule } from '@qihang/domain'

export type Employer = Schema<'identity.v1.Employer'>
export type Profile = Schema<'identity.v1.EmployerProfile'>

/** The fields of the profile in groups, as they are asked for and shown. */
export const GROUPS = [
  { key: 'identity', fields: ['natureCode', 'industryCode', 'scaleCode', 'legalPerson', 'regionCode', 'address', 'postcode'] },
  { key: 'contact', fields: ['contactName', 'contactPhone', 'contactEmail', 'website'] },
  { key: 'about', fields: ['introduction'] },
] as const
export type FieldName = (typeof GROUPS)[number]['fields'][number]
export const FIELDS: readonly FieldName[] = GROUPS.flatMap((group) => [...group.fields])

/** Code tables of the coded fields. */
export const TABLES: Partial<Record<FieldName, string>> = { natureCode: 'employer_nature', industryCode: 'industry_moe', scaleCode: 'employer_scale', regionCode: 'region_gbt2260' }

/** The three papers, by their field, with the purpose of the file. */
export const PAPERS = [
  { name: 'licenceFileId', purpose: 'FILE_PURPOSE_EMPLOYER_LICENCE' },
  { name: 'authorisationFileId', purpose: 'FILE_PURPOSE_EMPLOYER_AUTHORISATION' },
  { name: 'contactIdentityFileId', purpose: 'FILE_PURPOSE_CONTACT_IDENTITY' },
] as const
export type PaperName = (typeof PAPERS)[number]['name']

const OPTIONAL: readonly FieldName[] = ['scaleCode', 'website', 'introduction']
const MORE: Partial<Record<FieldName, Rule[]>> = {
  address: [rules.length(5, 200)],
  postcode: [rules.postcode],
  legalPerson: [rules.length(1, 64)],
  contactName: [rules.length(1, 64)],
  contactPhone: [rules.length(3, 24)],
  contactEmail: [rules.email],
  website: [rules.length(1, 200)],
  introduction: [rules.length(1, 2000)],
}
/** Rules of the profile on sending; the server's are the same. */
export const PROFILE_RULES = Object.fromEntries(FIELDS.map((name) => [name, [...(OPTIONAL.includes(name) ? [] : [rules.required]), ...(MORE[name] ?? [])]])) as Record<FieldName, Rule[]>

/** The profile as texts, empty where nothing is said. */
export function profileValues(profile: Profile | undefined): Record<FieldName, string> {
  return Object.fromEntries(FIELDS.map((name) => [name, profile?.[name] ?? ''])) as Record<FieldName, string>
}

/** What differs from what is approved: only that is sent for review. */
export function profileChanges(before: Profile | undefined, after: Record<FieldName, string>): Profile {
  const old = profileValues(before)
  return Object.fromEntries(FIELDS.filter((name) => old[name] !== after[name].trim()).map((name) => [name, after[name].trim()]))
}

/** Days before the end of an approval from which it is spoken of. */
const SOON = 60

export function expiresSoon(until: string | undefined, now: Date): boolean {
  return until !== undefined && Date.parse(until) - now.getTime() < SOON * 86_400_000
}

/** How the organisation's data can be sent for review now. */
export function modeOf(employer: Employer): 'admit' | 'renew' | 'revise' | undefined {
  const allowed = (name: string): boolean => employer.actions.some((action) => action.name === name && action.allowed)
  if (allowed('revise')) return 'revise'
  if (!allowed('submit')) return undefined
  return allowed('save') ? 'admit' : 'renew'
}

// The fields of a student's record: which the student keeps, which the school keeps, and how each is asked for.
import type { Schema } from '@qihang/api'
import { rules, type Rule } from '@qihang/domain'
import values from './values.json'

export type Record_ = Schema<'identity.v1.Student'>

export const OWN = ['originRegionCode', 'mobile', 'email', 'qq', 'homeAddress', 'homePostcode', 'homePhone', 'familyContact'] as const
export type OwnName = (typeof OWN)[number]

/** Rules of the fields that the student keeps; the server's are the same. */
export const OWN_RULES: Record<OwnName, Rule[]> = {
  originRegionCode: [rules.required],
  mobile: [rules.required, rules.mobile],
  email: [rules.required, rules.email],
  qq: [rules.qq],
  homeAddress: [rules.required, rules.length(5, 200)],
  homePostcode: [rules.required, rules.postcode],
  homePhone: [],
  familyContact: [rules.required, rules.length(2, 64)],
}

/** The fields in the order in which they are asked for: how to be reached, then home. */
export const REACH = ['mobile', 'email', 'qq'] as const satisfies readonly OwnName[]
export const HOME = ['originRegionCode', 'homeAddress', 'homePostcode', 'familyContact', 'homePhone'] as const satisfies readonly OwnName[]
export const QUESTIONS: readonly OwnName[] = [...REACH, ...HOME]

export function isOwn(name: string): name is OwnName {
  return (OWN as readonly string[]).includes(name)
}

/** The fields as a form begins with them. */
export function ownValues(record: Record_): Record<OwnName, string> {
  return Object.fromEntries(OWN.map((name) => [name, record.own?.[name] ?? ''])) as Record<OwnName, string>
}

export interface LockedField {
  /** Name in requests. */
  name: string
  /** Where the words of a code stand in the record. */
  words?: string
  /** Code table of its values. */
  dictionary?: string
  /** True when the record keeps the table's words, not its codes. */
  byName?: boolean
  /** Its few values, where it has no table. */
  values?: readonly string[]
}

/** Kinds of identity document; their words stand in `student.identityKinds`. */
export const IDENTITY_KINDS: readonly string[] = ['1', '2', '3', '4']

const field = (name: string): LockedField => ({ name })
const coded = (words: string, dictionary: string): LockedField => ({ name: `${words}Code`, words, dictionary })

/** The fields that the school keeps, as people look for them. */
export const LOCKED: readonly { group: string; fields: readonly LockedField[] }[] = [
  {
    group: 'person',
    fields: [
      field('name'),
      coded('gender', 'gender'),
      field('birthDate'),
      { name: 'identityKind', values: IDENTITY_KINDS },
      field('identityNumber'),
      field('examinationNumber'),
      coded('ethnic', 'ethnic'),
      coded('political', 'political'),
      { name: 'householdOrigin', dictionary: 'household_origin', byName: true },
    ],
  },
  {
    group: 'study',
    fields: [
      field('studentNumber'),
      field('department'),
      field('className'),
      field('major'),
      field('majorCode'),
      field('majorDirection'),
      coded('education', 'education_moe'),
      coded('trainingMode', 'training_mode'),
      field('commissioningUnit'),
      field('schoolingYears'),
      field('enrolment'),
      field('graduation'),
      coded('normalStudent', 'normal_student'),
      coded('hardship', 'hardship'),
    ],
  },
  { group: 'papers', fields: [field('formerFileUnit'), { name: 'fileMoved', values: values.yesNo }, field('formerPoliceStation'), { name: 'householdMoved', values: values.yesNo }] },
]

export const LOCKED_FIELDS: readonly LockedField[] = LOCKED.flatMap((group) => group.fields)

/** Fields that identify a person: what changes them wants evidence. */
export const IDENTITY_KEYS: readonly string[] = ['name', 'identityNumber', 'examinationNumber']

type Locked = Schema<'identity.v1.LockedFields'>

/** A locked field's value as people read it. */
export function lockedText(locked: Locked | undefined, one: LockedField): string {
  return String((locked as Record<string, unknown> | undefined)?.[one.words ?? one.name] ?? '')
}

export function ownText(own: Schema<'identity.v1.OwnFields'> | undefined, name: OwnName): string {
  return (name === 'originRegionCode' ? own?.originRegion : own?.[name]) ?? ''
}

/** A field named by the server, with the code or its words: `gender` and `genderCode` are one. */
export function names(one: LockedField, field: string): boolean {
  return field === one.name || field === one.words
}

/** A region with the way down to it, as the record writes it. */
export function regionPath(entries: readonly { code: string; name: string; parent?: string }[], code: string): string {
  const entry = entries.find((one) => one.code === code)
  return entry === undefined ? '' : (entry.parent ? regionPath(entries, entry.parent) : '') + entry.name
}

export interface Issue {
  field: string
  proposedValue: string
  note: string
  evidenceFileId: string
}

/** The body of 【保存并送审】. */
export function submission(values: Record<OwnName, string>, issues: readonly Issue[], etag: string, requestId: string) {
  const own = Object.fromEntries(OWN.map((name) => [name, values[name].trim()])) as Record<OwnName, string>
  return {
    own,
    flaggedIssues: issues.map(({ evidenceFileId, ...issue }) => ({ ...issue, evidenceFileId, outcome: '', outcomeNote: '' })),
    checked: true,
    etag,
    requestId,
  }
}

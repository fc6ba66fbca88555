// The terms between form and contract: forms hold texts in one row, the contract numbers in a tree.
import { rules, termsFaults, type Rule, type TermsFacts } from '@qihang/domain'
import type { Terms } from '@qihang/student/signing.ts'

export interface TermsValues {
  position: string
  jobCategoryCode: string
  workRegionCode: string
  workAddress: string
  openEnded: boolean
  contractMonths: string
  probationMonths: string
  probationSalary: string
  salary: string
  reportBy: string
  lodging: string
  insurance: string
  benefits: string
  employerPenalty: string
  studentPenalty: string
  release: string
  other: string
  acceptsArchive: boolean
  archiveReceiver: string
  archiveAddress: string
  archivePostcode: string
  archiveContact: string
  archivePhone: string
  acceptsHousehold: boolean
  householdAddress: string
}

const number = (text: string): number => (text.trim() === '' ? 0 : Number(text))
const shown = (value: number | undefined): string => (value === undefined || value === 0 ? '' : String(value))

/** What a form begins with: the given terms, or none. */
export function termsValues(terms?: Terms): TermsValues {
  return {
    position: terms?.position ?? '',
    jobCategoryCode: terms?.jobCategoryCode ?? '',
    workRegionCode: terms?.workRegionCode ?? '',
    workAddress: terms?.workAddress ?? '',
    openEnded: terms !== undefined && (terms.contractMonths ?? 0) === 0,
    contractMonths: shown(terms?.contractMonths),
    probationMonths: terms === undefined ? '' : String(terms.probationMonths ?? 0),
    probationSalary: shown(terms?.probationSalary),
    salary: shown(terms?.salary),
    reportBy: terms?.reportBy ?? '',
    lodging: terms?.lodging ?? '',
    insurance: terms?.insurance ?? '',
    benefits: terms?.benefits ?? '',
    employerPenalty: terms === undefined ? '' : String(terms.employerPenalty ?? 0),
    studentPenalty: terms === undefined ? '' : String(terms.studentPenalty ?? 0),
    release: terms?.release ?? '',
    other: terms?.other ?? '',
    acceptsArchive: terms?.acceptsArchive ?? false,
    archiveReceiver: terms?.archive?.receiver ?? '',
    archiveAddress: terms?.archive?.address ?? '',
    archivePostcode: String(terms?.archive?.postcode ?? ''),
    archiveContact: terms?.archive?.contact ?? '',
    archivePhone: terms?.archive?.phone ?? '',
    acceptsHousehold: terms?.acceptsHousehold ?? false,
    householdAddress: terms?.household?.address ?? '',
  }
}

/** The facts that the rules of the law look at. */
export function termsFacts(values: TermsValues): TermsFacts {
  const { position, jobCategoryCode, workRegionCode, reportBy, lodging, insurance, benefits, release, other } = values
  return {
    ...{ position, jobCategoryCode, workRegionCode, reportBy, lodging, insurance, benefits, release, other },
    contractMonths: values.openEnded ? 0 : number(values.contractMonths),
    probationMonths: number(values.probationMonths),
    probationSalary: number(values.probationSalary),
    salary: number(values.salary),
    employerPenalty: number(values.employerPenalty),
    studentPenalty: number(values.studentPenalty),
  }
}

/** The terms as the contract has them; places that the employer does not take are left out. */
export function termsBody(values: TermsValues): Terms {
  return {
    ...termsFacts(values),
    workAddress: values.workAddress,
    ...(number(values.probationMonths) === 0 ? { probationSalary: 0 } : {}),
    acceptsArchive: values.acceptsArchive,
    ...(values.acceptsArchive
      ? { archive: { receiver: values.archiveReceiver, address: values.archiveAddress, postcode: values.archivePostcode, contact: values.archiveContact, phone: values.archivePhone } }
      : {}),
    acceptsHousehold: values.acceptsHousehold,
    ...(values.acceptsHousehold ? { household: { address: values.householdAddress } } : {}),
  }
}

/** Rules of single fields; limits are the contract's. */
export const TERMS_RULES: Partial<Record<keyof TermsValues, Rule[]>> = {
  position: [rules.required, rules.length(1, 60)],
  jobCategoryCode: [rules.required],
  workRegionCode: [rules.required],
  workAddress: [rules.length(1, 100)],
  contractMonths: [rules.between(1, 600)],
  probationMonths: [rules.between(0, 12)],
  probationSalary: [rules.between(1, 1_000_000)],
  salary: [rules.required, rules.between(1, 1_000_000)],
  reportBy: [rules.required, rules.calendarDay],
  lodging: [rules.length(1, 60)],
  insurance: [rules.length(1, 100)],
  benefits: [rules.length(1, 200)],
  employerPenalty: [rules.between(0, 10_000_000)],
  studentPenalty: [rules.between(0, 10_000_000)],
  release: [rules.length(1, 200)],
  other: [rules.length(1, 500)],
  archiveReceiver: [rules.length(1, 100)],
  archiveAddress: [rules.length(1, 100)],
  archivePostcode: [rules.postcode],
  archiveContact: [rules.length(1, 20)],
  archivePhone: [rules.length(1, 30)],
  householdAddress: [rules.length(1, 100)],
}

/** Fields that must be filled because of what is said in others. */
export function missing(values: TermsValues): (keyof TermsValues)[] {
  const wanted: [boolean, keyof TermsValues][] = [
    [!values.openEnded, 'contractMonths'],
    [number(values.probationMonths) > 0, 'probationSalary'],
    [values.acceptsArchive, 'archiveReceiver'],
    [values.acceptsArchive, 'archiveAddress'],
    [values.acceptsHousehold, 'householdAddress'],
  ]
  return wanted.filter(([needed, field]) => needed && String(values[field]).trim() === '').map(([, field]) => field)
}

/** Complaints over several fields, in words. */
export function termsCheck(values: TermsValues, today: string, say: { missing: (field: string) => string; fault: (code: string, parameters: Record<string, unknown>) => string }): Record<string, string> {
  const found: Record<string, string> = {}
  for (const fault of termsFaults(termsFacts(values), today)) found[fault.field] ??= say.fault(fault.code, fault.parameters ?? {})
  for (const field of missing(values)) found[field] = say.missing(field)
  return found
}

/** The server's path of a field to the form's name. */
export function fieldOf(path: string): keyof TermsValues | undefined {
  const place = /(archive|household)\.([a-z]+)$/.exec(path)
  if (place === null) return undefined
  const [, which = '', part = ''] = place
  return `${which}${part.charAt(0).toUpperCase()}${part.slice(1)}` as keyof TermsValues
}

/** The last day on which an offer sent now for so many days can be accepted, yyyy-MM-dd in Beijing; none for no number of days. */
export function lastDay(days: string, now: Date): string | undefined {
  const count = Number(days)
  if (!Number.isInteger(count) || count < 1 || count > 30) return undefined
  return new Date(now.getTime() + 8 * 3_600_000 + count * 86_400_000).toISOString().slice(0, 10)
}

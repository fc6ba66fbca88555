// What the law says of the terms of an agreement, told while they are typed. The same rules as the contracts service's own
// (services/contracts/src/domain/terms.rs): a fault is refused on sending, a hint stops nothing. Words stand below `domain.terms`.
import FORBIDDEN from './forbidden.json'

/** The terms as far as a rule looks at them; an absent number counts as 0. */
export interface TermsFacts {
  position?: string
  jobCategoryCode?: string
  workRegionCode?: string
  /** Months; 0 for no fixed term. */
  contractMonths?: number
  probationMonths?: number
  probationSalary?: number
  salary?: number
  /** yyyy-MM-dd. */
  reportBy?: string
  lodging?: string
  insurance?: string
  benefits?: string
  employerPenalty?: number
  studentPenalty?: number
  release?: string
  other?: string
}

export interface TermsNote {
  /** Name in the terms, e.g. `probationMonths`. */
  field: keyof TermsFacts
  /** Message below `domain.terms`. */
  code: string
  parameters?: Record<string, string | number>
}


/** Yuan from which a penalty is worth a second look. */
const PENALTY_HINT = 5_000

const FREE_TEXTS = ['other', 'benefits', 'release', 'lodging', 'insurance'] as const

/** Labour Contract Law, article 19: months of probation by months of contract; 0 is no fixed term. */
export function longestProbation(contractMonths: number): number {
  if (contractMonths === 0 || contractMonths >= 36) return 6
  if (contractMonths < 3) return 0
  return contractMonths < 12 ? 1 : 2
}

/** The words of a text that no agreement may hold (Labour Contract Law, article 9); blanks between the characters hide nothing. */
export function forbiddenWords(text: string): string | undefined {
  const plain = text.replace(/\s/gu, '')
  return FORBIDDEN.find((words) => plain.includes(words))
}

/** What is refused when the offer is sent, apart from what is merely not filled in yet. */
export function termsFaults(terms: TermsFacts, today: string): TermsNote[] {
  const faults: TermsNote[] = []
  const longest = longestProbation(terms.contractMonths ?? 0)
  const probation = terms.probationMonths ?? 0
  if (terms.reportBy !== undefined && terms.reportBy !== '' && terms.reportBy < today) faults.push({ field: 'reportBy', code: 'REPORT_PAST' })
  if (probation > longest) faults.push({ field: 'probationMonths', code: longest === 0 ? 'PROBATION_NONE' : 'PROBATION_LONG', parameters: { longest } })
  if (probation > 0 && (terms.salary ?? 0) > 0 && (terms.probationSalary ?? 0) > 0 && (terms.probationSalary ?? 0) * 100 < (terms.salary ?? 0) * 80) {
    faults.push({ field: 'probationSalary', code: 'PROBATION_PAY', parameters: { least: Math.ceil((terms.salary ?? 0) * 0.8) } })
  }
  for (const field of FREE_TEXTS) {
    const words = forbiddenWords(terms[field] ?? '')
    if (words !== undefined) faults.push({ field, code: 'FORBIDDEN', parameters: { words } })
  }
  return faults
}

/** What both should look at twice. */
export function termsHints(terms: TermsFacts): TermsNote[] {
  const hints: TermsNote[] = []
  for (const field of ['employerPenalty', 'studentPenalty'] as const) {
    if ((terms[field] ?? 0) > PENALTY_HINT) hints.push({ field, code: 'PENALTY_HIGH' })
  }
  if ((terms.studentPenalty ?? 0) > (terms.employerPenalty ?? 0)) hints.push({ field: 'studentPenalty', code: 'PENALTY_UNEQUAL' })
  if ((terms.insurance ?? '') === '') hints.push({ field: 'insurance', code: 'INSURANCE_MISSING' })
  if ((terms.release ?? '') === '') hints.push({ field: 'release', code: 'RELEASE_MISSING' })
  return hints
}

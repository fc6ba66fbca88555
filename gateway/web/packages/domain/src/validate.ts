// The rules that both apps check before they ask the server, by the same vectors as the server's own (tests/vectors).
// Each returns the id of the message for what is wrong, or undefined.

/** Full-width digits, letters and spaces to the plain ones, blanks at the ends away. */
export function normalise(text: string): string {
  return text.normalize('NFKC').trim()
}

/** Full-width digits, letters and spaces to the plain ones; brackets and commas of Chinese text stay, since names have them. */
export function tidyText(text: string): string {
  return text.replace(/[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]/g, (letter) => letter.normalize('NFKC')).trim()
}

/** Digits only, where people write blanks and dashes between them. */
export function digits(text: string): string {
  return normalise(text).replace(/[\s-]/g, '')
}

const IDENTITY_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
const IDENTITY_CHECKS = '10X98765432'

/** Resident identity number: 18 places, a real birth date, the check place (GB 11643). */
export function isIdentityNumber(text: string): boolean {
  const number = normalise(text).toUpperCase()
  if (!/^\d{17}[\dX]$/.test(number)) return false
  const [year, month, dayOfMonth] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)]
  if (!isDay(`${year}-${month}-${dayOfMonth}`)) return false
  const sum = IDENTITY_WEIGHTS.reduce((total, weight, place) => total + weight * Number(number[place]), 0)
  return IDENTITY_CHECKS[sum % 11] === number[17]
}

const CREDIT_ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY'
const CREDIT_WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]

const ORGANISATION_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2]
const ORGANISATION_CHECKS = '0X987654321'

/** The check place of an organisation code's first eight (GB 11714). */
function organisationCheck(body: string): string | undefined {
  const sum = ORGANISATION_WEIGHTS.reduce((total, weight, place) => total + weight * Number.parseInt(body[place] ?? '', 36), 0)
  return ORGANISATION_CHECKS[sum % 11]
}

/** Unified social credit code: 18 places of its own alphabet, the organisation's check place and its own (GB 32100). */
export function isCreditCode(text: string): boolean {
  const code = normalise(text).replaceAll(/\s/g, '').toUpperCase()
  if (!/^[0-9A-HJ-NPQRTUWXY]{18}$/.test(code) || organisationCheck(code.slice(8, 16)) !== code[16]) return false
  const sum = CREDIT_WEIGHTS.reduce((total, weight, place) => total + weight * CREDIT_ALPHABET.indexOf(code[place] ?? ''), 0)
  return CREDIT_ALPHABET[(31 - (sum % 31)) % 31] === code[17]
}

/** Mobile number of the mainland. */
export function isMobile(text: string): boolean {
  return /^1[3-9]\d{9}$/.test(digits(text))
}

// No look-behind: browsers of older telephones do not read a page that has one.
const MAILBOX = /^(?!\.)(?!.*\.\.)(?!.*\.$)[\w!#$%&'*+\-/=?^`{|}~.]{1,64}$/
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/

export function isEmail(text: string): boolean {
  const [mailbox = '', domain = '', ...more] = normalise(text).split('@')
  const labels = domain.split('.')
  return more.length === 0 && MAILBOX.test(mailbox) && labels.length > 1 && labels.every((label) => LABEL.test(label)) && normalise(text).length <= 254
}

export function isPostcode(text: string): boolean {
  return /^\d{6}$/.test(digits(text))
}

export function isQq(text: string): boolean {
  return /^[1-9]\d{4,10}$/.test(digits(text))
}

/** A day of the calendar, yyyy-MM-dd. */
export function isDay(text: string): boolean {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (parts === null) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

/** How many characters people see, not code units. */
export function graphemes(text: string): number {
  if (typeof Intl.Segmenter === 'undefined') return [...text].length
  return [...new Intl.Segmenter('zh').segment(text)].length
}

export interface Complaint {
  /** Message below `domain.rules`. */
  message: string
  parameters?: Record<string, string | number>
}

export type Rule = (value: unknown) => Complaint | undefined

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function rule(message: string, holds: (text: string) => boolean): Rule {
  return (value) => (text(value).trim() === '' || holds(text(value)) ? undefined : { message })
}

/** Something must be there: text, a choice, a file. */
export const required: Rule = (value) => {
  const missing =
    value === undefined || value === null || value === false || (typeof value === 'string' && value.trim() === '') || (Array.isArray(value) && value.length === 0)
  return missing ? { message: 'required' } : undefined
}
export const identityNumber = rule('identityNumber', isIdentityNumber)
export const creditCode = rule('creditCode', isCreditCode)
export const mobile = rule('mobile', isMobile)
export const email = rule('email', isEmail)
export const postcode = rule('postcode', isPostcode)
export const qq = rule('qq', isQq)
export const calendarDay = rule('day', isDay)
/** Ten characters at least; the server alone knows the common ones. */
export const newPassword = rule('newPassword', (value) => [...value].length >= 10 && [...value].length <= 128)

export function length(minimum: number, maximum: number): Rule {
  return (value) => {
    const given = text(value).trim()
    if (given === '') return undefined
    const count = [...given].length
    if (count < minimum) return { message: 'tooShort', parameters: { minimum } } as Complaint
    return count > maximum ? { message: 'tooLong', parameters: { maximum } } : undefined
  }
}

export function between(minimum: number, maximum: number): Rule {
  return (value) => {
    if (value === '' || value === undefined || value === null) return undefined
    const number = Number(value)
    const holds = Number.isInteger(number) && number >= minimum && number <= maximum
    return holds ? undefined : { message: 'between', parameters: { minimum, maximum } }
  }
}

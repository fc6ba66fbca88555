// Who acts in the tests of single acts: people signed in by the API, each in a browser context of their own that stays for a file,
// and the state that an act begins with.
import { readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, expect, type Page, test as base } from '@playwright/test'
import { complaints, examine, settled } from './page'
import { get, LOGINS, post, prove, type Role, signIn, totp, upload, URL } from './session'

export { expect } from '@playwright/test'
export { settled } from './page'

export const DESK = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }
export const PASSWORD = '松花江上的冬天又长又白'
export const PAPER = new globalThis.URL('../../deploy/standalone/assets/paper.png', import.meta.url).pathname

export type Doc = Record<string, unknown>

/** Somebody of the roster. */
export interface Student {
  id: string
  number: string
  name: string
  page: Page
}

export interface Staff {
  id: string
  login: string
  secret: string
  page: Page
}

interface Stage {
  office: Page
  province: Page
  employer: Page
  /** Opens a page for somebody. */
  open: (where?: 'desk' | 'phone') => Promise<Page>
  /** Registers the next one of the roster; `approved` has the office pass the record, `listed` gives the telephone and the mail address of the roster. */
  student: (options?: { approved?: boolean; department?: string; listed?: boolean }) => Promise<Student>
}

const heard: string[] = []
let forgiven: RegExp[] = []

/** Lets a refusal that a test wants pass: Chromium writes each into its console. */
export function forgive(what: RegExp): void {
  forgiven.push(what)
}

async function come(browser: Browser, where: 'desk' | 'phone' = 'desk'): Promise<Page> {
  const size = where === 'phone' ? { viewport: PHONE, deviceScaleFactor: 2, isMobile: true, hasTouch: true } : { viewport: DESK }
  const context = await browser.newContext({ ...size, baseURL: URL, acceptDownloads: true })
  const page = await context.newPage()
  complaints(page, heard)
  return page
}

/** Signs staff in; a code may be one that is kept for a lost telephone. */
export async function enterStaff(context: BrowserContext, { login, password, code }: { login: string; password: string; code: string }): Promise<void> {
  await post(context, '/v1/sessions:loginStaff', { login, password, totpCode: code, ...(await prove(context)) })
}

export async function enterStudent(context: BrowserContext, number: string, password = PASSWORD): Promise<void> {
  await post(context, '/v1/sessions:loginStudent', { schoolCode: LOGINS.student.school, studentNumber: number, password, ...(await prove(context)) })
}

export async function enterEmployer(context: BrowserContext, login: string, password = PASSWORD): Promise<void> {
  await post(context, '/v1/sessions:loginEmployer', { login, password, ...(await prove(context)) })
}

/** Ties an authenticator to an account that was just activated; gives its secret and what stands in for it. */
export async function enrol(context: BrowserContext): Promise<{ secret: string; recovery: string[] }> {
  const secret = String((await post(context, '/v1/account:enrolTotp', {}))['secret'])
  const { recoveryCodes } = (await post(context, '/v1/account:confirmTotp', { code: await totp(secret) })) as { recoveryCodes: string[] }
  return { secret, recovery: recoveryCodes }
}

interface Row {
  id: string
  registered: boolean
  studentNumber: string
  name: string
  department: string
}

/** Everybody of the roster who has not registered, as the office sees them. */
async function roster(office: BrowserContext): Promise<Row[]> {
  const { students } = await get<{ students: Row[] }>(office, '/v1/students?pageSize=100')
  return students.filter((one) => !one.registered)
}

async function register(office: BrowserContext, page: Page, row: Row, listed: boolean): Promise<void> {
  const context = page.context()
  const { fields = [] } = (await post(office, `/v1/students/${row.id}:reveal`, { fields: ['identityNumber', 'mobile', 'email'], reason: '学生注册时核对证件号码' })) as { fields?: { field: string; value: string }[] }
  const known = (name: string) => fields.find((one) => one.field === name)?.value
  const own = listed ? { mobile: known('mobile'), email: known('email') } : { mobile: `139${row.studentNumber.slice(-8)}`, email: `s${row.studentNumber}@example.com` }
  const who = { schoolCode: LOGINS.student.school, studentNumber: row.studentNumber, name: row.name, identityNumber: known('identityNumber') }
  const { ticket } = await post(context, '/v1/registration:verify', { ...who, ...(await prove(context)) })
  await post(context, '/v1/registration:setCredentials', { ticket, ...own, password: PASSWORD })
}

const OWN = { familyContact: '家长', homeAddress: '黑龙江省哈尔滨市南岗区西大直街92号' }

/** Hands a record in; what the student adds to it may be another. */
export async function handIn(student: BrowserContext, own: Doc = OWN): Promise<{ id: string; version: number }> {
  const mine = await get<{ etag: string }>(student, '/v1/roster/mine')
  return (await post(student, '/v1/roster/mine:submit', { own, checked: true, etag: mine.etag })) as { id: string; version: number }
}

function stage(browser: Browser, office: BrowserContext): Stage['student'] {
  let rows: Row[] | undefined
  return async ({ approved = false, department, listed = false } = {}) => {
    rows ??= await roster(office)
    const at = rows.findIndex((row) => department === undefined || row.department === department)
    const [row] = rows.splice(at, 1)
    if (row === undefined) throw new Error('everybody has registered')
    const page = await come(browser)
    await register(office, page, row, listed)
    if (approved) {
      const { id, version } = await handIn(page.context())
      await post(office, `/v1/students/${id}/origin:approve`, { version })
    }
    return { id: row.id, number: row.studentNumber, name: row.name, page }
  }
}

/** Somebody else may have used the present code a moment ago: the next one is another. */
async function patiently(context: BrowserContext, role: Role): Promise<void> {
  await expect(() => signIn(context, role)).toPass({ timeout: 90_000 })
}

export const test = base.extend<{ quiet: undefined }, Stage>({
  office: [
    async ({ browser }, use) => {
      const page = await come(browser)
      await patiently(page.context(), 'school')
      await use(page)
    },
    { scope: 'worker' },
  ],
  province: [
    async ({ browser }, use) => {
      const page = await come(browser)
      await patiently(page.context(), 'province')
      await use(page)
    },
    { scope: 'worker' },
  ],
  employer: [
    async ({ browser }, use) => {
      const page = await come(browser)
      await enterEmployer(page.context(), LOGINS.employer.login, LOGINS.employer.password)
      await use(page)
    },
    { scope: 'worker' },
  ],
  open: [async ({ browser }, use) => use((where) => come(browser, where)), { scope: 'worker' }],
  student: [async ({ browser, office }, use) => use(stage(browser, office.context())), { scope: 'worker' }],
  // No page complains but of what a test wants refused.
  quiet: [
    async ({}, use) => {
      forgiven = []
      await use(undefined)
      expect(heard.splice(0).filter((line) => !forgiven.some((what) => what.test(line)))).toEqual([])
    },
    { auto: true },
  ],
})

/** Goes to a page and waits until it shows what it has. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await settled(page)
}

/** Looks at what an act shows, as a machine can, and keeps its pictures at a desk and on a phone. */
export async function look(page: Page, name: string): Promise<void> {
  const before = page.viewportSize() ?? DESK
  const findings = (await examine(page)).map((finding) => `${name}: ${finding}`)
  for (const [size, viewport] of [['desk', DESK], ['phone', PHONE]] as const) {
    await page.setViewportSize(viewport)
    await page.screenshot({ path: test.info().outputPath(`${name}-${size}.png`), fullPage: (await page.locator('dialog[open]').count()) === 0 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (wide > 0) findings.push(`${name}: ${wide} px wider than a ${size}`)
  }
  await page.setViewportSize(before)
  expect(findings).toEqual([])
}

/** The toast that tells what was done. */
export async function told(page: Page, text: RegExp | string): Promise<void> {
  await expect(page.locator('[role=status] .toast').filter({ hasText: text }).first()).toBeVisible()
}

/** After a wrong password the next one is taken a second later; nobody types faster. */
export async function afterWrongPassword(page: Page): Promise<void> {
  await page.waitForTimeout(1_100)
}

/** The dialog that is open. */
export const dialog = (page: Page, name?: RegExp | string) => page.getByRole('dialog', name === undefined ? {} : { name })

/** Gives a reason in the dialog that asks for one. */
export async function because(page: Page, title: RegExp | string, reason: string, action: string): Promise<void> {
  const asks = dialog(page, title)
  const kinds = asks.locator('select')
  if ((await kinds.count()) > 0) await kinds.selectOption({ index: 1 })
  await asks.locator('textarea').fill(reason)
  await asks.getByRole('button', { name: action, exact: true }).click()
  await expect(asks).toHaveCount(0)
}

export async function fill(scope: Page | ReturnType<Page['getByRole']>, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) await scope.getByLabel(label).and(scope.locator('input, textarea')).first().fill(value)
}

export const terms = (): Doc => ({
  position: '软件工程师', jobCategoryCode: '13', workRegionCode: '230109', workAddress: '哈尔滨市松北区创新一路1号', contractMonths: 36, probationMonths: 3,
  probationSalary: 6800, salary: 8000, reportBy: `${new Date().getFullYear() + 1}-07-10`, lodging: '提供宿舍', insurance: '五险一金，自入职当月起缴纳', benefits: '带薪年假',
  employerPenalty: 3000, studentPenalty: 3000, release: '乙方升学、应征入伍、录用为公务员时，双方可解除本协议', acceptsArchive: false, acceptsHousehold: false,
})

/** Sends an offer to a student; gives its id. What the office or the province passed takes a moment to reach the offers. */
export async function offer(employer: BrowserContext, to: Student): Promise<string> {
  let id = ''
  await expect(async () => {
    const drafted = await post(employer, '/v1/agreements', { schoolCode: LOGINS.student.school, studentNumber: to.number, studentName: to.name, terms: terms() })
    id = String(drafted['id'])
    await post(employer, `/v1/agreements/${id}:send`, { validDays: 7, etag: drafted['etag'] })
  }).toPass({ timeout: 20_000 })
  return id
}

interface Reading {
  id: string
  student: BrowserContext
  revision: unknown
  token: unknown
}

/** Begins to read an offer: it can be accepted fifteen seconds later. */
export async function read(student: BrowserContext, id: string): Promise<Reading> {
  const { revision } = await post(student, `/v1/agreements/${id}:open`, {})
  const { token } = await post(student, `/v1/agreements/${id}/readTokens`, { revision })
  return { id, student, revision, token }
}

export async function accept({ id, student, revision, token }: Reading): Promise<void> {
  const archive = { receiver: '哈尔滨市人才服务局', address: '哈尔滨市道里区经纬二道街1号', postcode: '150010', contact: '档案科', phone: '0451-84664000' }
  await expect(async () => {
    await post(student, `/v1/agreements/${id}:accept`, { revision, readToken: token, archive, household: { address: '黑龙江省哈尔滨市南岗区西大直街92号' } })
  }).toPass({ timeout: 30_000, intervals: [1_000] })
}

const ORGANISATION_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2]
const WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
const DIGITS = '0123456789ABCDEFGHJKLMNPQRTUWXY'
let organisations = Math.floor(Date.now() / 1000)

/** A formally right credit code of an organisation that does not exist; another one each time. */
export function creditCode(): string {
  const organisation = `MA${String(organisations++ % 1_000_000).padStart(6, '0')}`
  const rest = 11 - ([...organisation].reduce((sum, digit, at) => sum + parseInt(digit, 36) * (ORGANISATION_WEIGHTS[at] ?? 0), 0) % 11)
  const head = `91230199${organisation}${rest === 10 ? 'X' : rest % 11}`
  const sum = [...head].reduce((total, digit, at) => total + DIGITS.indexOf(digit) * (WEIGHTS[at] ?? 0), 0)
  return head + (DIGITS[(31 - (sum % 31)) % 31] ?? '')
}

export interface Organisation {
  id: string
  name: string
  code: string
  login: string
  page: Page
}

/** Registers an organisation that hands its papers in. */
export async function organisation(page: Page, name: string): Promise<Organisation> {
  const context = page.context()
  const [code, stamp] = [creditCode(), String(Date.now() + organisations).slice(-8)]
  const login = `hr${stamp}@example.com`
  const wanted = { name: `${name}${stamp}`, creditCode: code, contactName: '周经理', mobile: `138${stamp}`, email: login, password: PASSWORD }
  await post(context, '/v1/employers:register', { ...wanted, ...(await prove(context)) })
  const profile = {
    natureCode: '39', industryCode: '34', scaleCode: '3', regionCode: '230109', address: '哈尔滨市松北区创新一路1号', postcode: '150028', legalPerson: '周明',
    contactName: '周经理', contactPhone: '0451-88888888', contactEmail: login, introduction: '虚构的单位。',
  }
  await post(context, '/v1/employer', { profile }, 'PATCH')
  const papers: Doc = {}
  for (const [field, purpose] of [['licenceFileId', 'EMPLOYER_LICENCE'], ['authorisationFileId', 'EMPLOYER_AUTHORISATION'], ['contactIdentityFileId', 'CONTACT_IDENTITY']] as const) {
    papers[field] = await upload(context, `FILE_PURPOSE_${purpose}`, '证照.png', readFileSync(PAPER))
  }
  const sent = await post(context, '/v1/employer:submit', papers)
  return { id: String(sent['id']), name: wanted.name, code, login, page }
}

/** Has the province let an organisation in. */
export async function admit(province: BrowserContext, { id }: Organisation): Promise<void> {
  await post(province, `/v1/employers/${id}:approve`, { submissionVersion: 1 })
}

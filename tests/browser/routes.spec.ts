// Every page of both apps: its console is clean, axe finds nothing, nothing has to be scrolled sideways, at 1280 and at 375 px.
// The routes are asked of the apps themselves, so that a new page is looked at without a line here, or wants one that says which
// record to show.
import { type Browser, type BrowserContext, expect, test } from '@playwright/test'
import { complaints, examine, settled } from './page'
import { type Route, routesOf } from './router'
import { get, LOGINS, post, type Role, signIn, URL } from './session'

const WIDTHS = [1280, 375] as const
/** Pages that are looked at side by side. */
const ABREAST = 2

/** The role that sees a page, by the roles that its route names. */
const ROLES: Record<string, Role> = { STUDENT: 'student', EMPLOYER: 'employer', SCHOOL: 'school', DEPARTMENT: 'school', PROVINCE: 'province' }

type Lister = (context: BrowserContext) => Promise<string>

async function first(context: BrowserContext, path: string, list: string, field = 'id'): Promise<string> {
  const answer = await get<Record<string, Record<string, string>[]>>(context, path)
  return answer[list]?.[0]?.[field] ?? ''
}

const sent: Lister = (context) => first(context, '/v1/agreements:sent?pageSize=1', 'agreements')
const mine: Lister = (context) => first(context, '/v1/agreements:mine?pageSize=1', 'agreements')
const announcement: Lister = (context) => first(context, '/v1/announcements?pageSize=1', 'announcements')
const employer: Lister = (context) => first(context, '/v1/employers?pageSize=1', 'employers')
const guide: Lister = (context) => first(context, '/v1/guides', 'guides', 'slug')

/** Which record a route with a parameter shows: the first part of its path that fits decides. */
const RECORDS: readonly (readonly [RegExp, Lister])[] = [
  [/^\/e\/agreements\//, sent],
  [/^(?:\/s)?\/signing\/online\//, mine],
  [/\/announcements\//, announcement],
  [/\/employers\//, employer],
  [/\/(?:help|guide|guides)\//, guide],
  [/^\/c\/students\//, (context) => first(context, '/v1/students?pageSize=1', 'students')],
  [/^\/c\/roster\//, (context) => first(context, '/v1/roster/imports?pageSize=1', 'imports')],
  [/^\/c\/review\//, (context) => first(context, '/v1/students?pageSize=1', 'students')],
  [/^\/p\/dictionaries\//, (context) => first(context, '/v1/dictionaries', 'dictionaries', 'name')],
  [/^\/origin\/edit\//, () => Promise.resolve('mobile')],
  [/^\/p\/schools\//, () => Promise.resolve(LOGINS.student.school)],
]

/** Routes that show nothing of their own. */
const PASSED_OVER = [/:rest/]

/** The address of a route, with a record where it shows one. */
async function address(context: BrowserContext, { path }: Route): Promise<string> {
  if (!path.includes(':')) return path
  if (path.startsWith('/verify')) return '/verify'
  const lister = RECORDS.find(([fits]) => fits.test(path))?.[1]
  if (lister === undefined) throw new Error(`routes.spec.ts does not say which record ${path} shows`)
  const record = await lister(context)
  expect(record, `a record for ${path}`).not.toBe('')
  const named = path.replace(/:kind\([^)]*\)/, 'origin').replace(/:(?:id|slug|code|name|field)(?:\([^/]*\))?\??/, record)
  return named.replaceAll(/\/:\w+\?/g, '')
}

let turn: Promise<unknown> = Promise.resolve()

/** Chromium tears a picture when another page changes its size meanwhile: one after another. */
function alone<T>(act: () => Promise<T>): Promise<T> {
  const mine = turn.then(act)
  turn = mine.catch(() => undefined)
  return mine
}

async function visit(context: BrowserContext, url: string): Promise<string[]> {
  const page = await context.newPage()
  const found: string[] = []
  complaints(page, found)
  for (const width of WIDTHS) {
    await alone(() => page.setViewportSize({ width, height: width > 700 ? 800 : 812 }))
    if (width === WIDTHS[0]) await page.goto(url)
    await settled(page)
    found.push(...(await examine(page)).map((finding) => `${width} px: ${finding}`))
    const name = url.replace(URL, '').replaceAll(/[^a-z0-9-]+/gi, '_')
    await alone(() => page.screenshot({ path: test.info().outputPath(`${name}-${width}.png`), fullPage: true }))
  }
  await page.close()
  return found.map((finding) => `${url.replace(URL, '')} ${finding}`)
}

/** Whether a page is shown to a role, and shows something of its own. */
function isOf(role: Role, route: Route): boolean {
  const sees = route.roles.length > 0 ? ROLES[route.roles[0] ?? ''] : 'nobody'
  return !route.redirect && sees === role && !PASSED_OVER.some((one) => one.test(route.path))
}

/** Something for everybody to read. */
async function announce(browser: Browser): Promise<void> {
  const context = await browser.newContext()
  await signIn(context, 'province')
  const content = { title: '2026 届毕业生签约安排', body: '## 时间\n\n请在 6 月 30 日之前完成签约。' }
  const draft = await post(context, '/v1/announcements', { content })
  await post(context, `/v1/announcements/${String(draft['id'])}:publish`, { etag: draft['etag'] })
  await context.close()
}

test.beforeAll(async ({ browser }) => announce(browser))

for (const app of ['', '/h5'] as const) {
  for (const role of ['nobody', 'student', 'employer', 'school', 'province'] as const) {
    if (app === '/h5' && !['nobody', 'student'].includes(role)) continue
    test(`pages of ${role} in ${app === '' ? 'the portal' : 'the phone app'}`, async ({ browser }) => {
      test.setTimeout(600_000)
      const context = await browser.newContext({ baseURL: URL })
      await signIn(context, role)
      const routes = (await routesOf(browser, app)).filter((route) => isOf(role, route))
      const found: string[] = []
      const walk = async (): Promise<void> => {
        for (let route = routes.shift(); route !== undefined; route = routes.shift()) {
          found.push(...(await visit(context, `${URL}${app}${await address(context, route)}`)))
        }
      }
      await Promise.all(Array.from({ length: ABREAST }, walk))
      await context.close()
      expect(found).toEqual([])
    })
  }
}

// The main job, through the pages, as its three roles, once at a desk and once on phones: a student registers, hands in the
// record, gets an offer, signs it, and downloads what the school has approved.
import { type Browser, type BrowserContext, expect, type Page, test } from '@playwright/test'
import { complaints, examine, settled } from './page'
import { get, LOGINS, post, totp, URL } from './session'

const PHONE = { viewport: { width: 375, height: 812 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
const DESK = { viewport: { width: 1280, height: 800 } }
const PASSWORD = '松花江上的冬天又长又白'

/** Where a student's pages are: on a phone in an app of their own. */
const SIZES = [
  { size: 'desk', options: DESK, register: '/register', student: '/s' },
  { size: 'phone', options: PHONE, register: '/h5/register', student: '/h5' },
] as const

interface Someone {
  id: string
  number: string
  name: string
  identity: string
}

/** Has the device prove itself, as who cannot read the picture does. */
async function proveByWork(page: Page): Promise<void> {
  await page.getByRole('button', { name: '看不清' }).click()
  await expect(page.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
}

/** Picks from a long table by typing. */
async function pick(page: Page, label: string, typed: string, option: RegExp | string): Promise<void> {
  await page.getByRole('combobox', { name: label }).fill(typed)
  await page.locator('.code-list').getByRole('option', { name: option }).first().click()
}

async function fill(page: Page, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label).and(page.locator('input, textarea')).first().fill(value)
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: test.info().outputPath(`${name}.png`), fullPage: true })
}

const REGION = ['生源地', '南岗', /南岗区/] as const

/** The record on one page, as at a desk. */
async function fillInAtOnce(page: Page): Promise<void> {
  await fill(page, { 手机: '13904510001', 邮箱: 'student@example.com' })
  await pick(page, ...REGION)
  await fill(page, { 家庭地址: '黑龙江省哈尔滨市南岗区学府路1号', 家庭邮编: '150000', 家庭联系人: '李建国' })
  await page.getByRole('button', { name: '下一步：核对' }).click()
}

const PLACES: readonly Record<string, string>[] = [
  { 档案接收单位: '哈尔滨市人才服务中心', 接收单位地址: '哈尔滨市道里区友谊路1号', 接收单位邮编: '150010' },
  { 接收单位联系人: '王芳', 接收单位电话: '0451-86608114' },
  { 户口迁移地址: '哈尔滨市南岗区学府路1号' },
]

/** Where file and registration go: all at once at a desk, a thing a page on phones. */
async function namePlaces(page: Page, apart: boolean): Promise<void> {
  for (const [at, place] of PLACES.entries()) {
    await fill(page, place)
    if (apart && at < PLACES.length - 1) await page.getByRole('button', { name: '下一步', exact: true }).click()
  }
  await page.getByRole('button', { name: '下一步：阅读' }).click()
}

/** The record a question a page, as on phones: what is wrong stops, what is typed stays, an answer can be changed at the end. */
async function answerOneByOne(page: Page): Promise<void> {
  const step = async (heading: string): Promise<void> => {
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeFocused()
    expect(await examine(page)).toEqual([])
  }
  const forward = page.getByRole('button', { name: '下一步', exact: true })
  const ANSWERS = [['您的手机号码', '本人手机', '13904510001'], ['您的电子邮箱', '电子邮箱', 'student@example.com'], ['您的 QQ 号', 'QQ', '']] as const
  await expect(page.getByRole('heading', { level: 1, name: '您的手机号码' })).toBeVisible()
  await fill(page, { 本人手机: '1390451' })
  await forward.click()
  await expect(page.getByLabel('本人手机')).toBeFocused()
  for (const [at, [heading, label, value]] of ANSWERS.entries()) {
    if (at > 0) await step(heading)
    if (value !== '') await fill(page, { [label]: value })
    await forward.click()
  }
  await step('您的生源地')
  await pick(page, ...REGION)
  await picture(page, 'question')
  await page.reload()
  await expect(page.getByRole('combobox', { name: '生源地' })).toHaveValue(/南岗区/)
  await forward.click()
  for (const [heading, label, value] of [['您的家庭地址', '家庭地址', '黑龙江省哈尔滨市南岗区学府路1号'], ['家庭所在地的邮编', '家庭邮编', '150001'], ['家里的联系人', '家庭联系人', '李建国']] as const) {
    await step(heading)
    await fill(page, { [label]: value })
    await forward.click()
  }
  await step('家庭电话')
  await forward.click()
  await step('学校的记录对吗')
  await page.getByRole('button', { name: '下一步：核对' }).click()
  await step('请核对您填写的内容')
  await page.getByRole('button', { name: '更改家庭邮编' }).click()
  await fill(page, { 家庭邮编: '150000' })
  await page.getByRole('button', { name: '保存，回到核对' }).click()
  await step('请核对您填写的内容')
}

/** Somebody of the roster who has not registered, as the office sees them, with what only a reason shows. */
async function unregistered(office: BrowserContext): Promise<Someone> {
  const { students } = await get<{ students: { id: string; registered: boolean; studentNumber: string; name: string }[] }>(office, '/v1/students?pageSize=100')
  const found = students.findLast((one) => !one.registered)
  if (found === undefined) throw new Error('everybody has registered')
  const asked = { fields: ['identityNumber'], reason: '学生注册时核对证件号码' }
  const { fields } = (await post(office, `/v1/students/${found.id}:reveal`, asked)) as { fields?: { value: string }[] }
  return { id: found.id, number: found.studentNumber, name: found.name, identity: fields?.[0]?.value ?? '' }
}

for (const { size, options, register, student } of SIZES) {
  test.describe(`at the size of a ${size}`, () => {
    test.describe.configure({ mode: 'serial' })
    const people: Partial<Record<'student' | 'employer' | 'office', Page>> = {}
    const heard: string[] = []
    let someone: Someone
    let agreement = ''

    async function open(browser: Browser): Promise<Page> {
      const context = await browser.newContext({ ...options, baseURL: URL, acceptDownloads: true })
      const page = await context.newPage()
      complaints(page, heard)
      return page
    }

    function person(role: keyof typeof people): Page {
      const page = people[role]
      if (page === undefined) throw new Error(`${role} has not come in`)
      return page
    }

    test.afterAll(async () => {
      for (const page of Object.values(people)) await page.context().close()
    })

    test('the office signs in with a password and a code', async ({ browser }) => {
      const page = (people.office = await open(browser))
      await page.goto('/login?as=staff')
      await fill(page, { 登录名: LOGINS.office.login, 密码: LOGINS.office.password })
      await proveByWork(page)
      await page.getByRole('button', { name: '登录' }).click()
      await page.getByLabel('动态验证码').fill(await totp(LOGINS.office.secret))
      await page.getByRole('button', { name: '登录' }).click()
      await page.waitForURL('**/c/home')
      await settled(page)
      await picture(page, 'office')
      someone = await unregistered(page.context())
    })

    test('a student registers', async ({ browser }) => {
      const page = (people.student = await open(browser))
      await page.goto(register)
      await pick(page, '所在学校', LOGINS.student.school, /./)
      await fill(page, { 学号: someone.number, 姓名: someone.name, 证件号码: someone.identity })
      await proveByWork(page)
      await page.getByRole('button', { name: '核对身份' }).click()
      await fill(page, { 本人手机: '13904510001', 电子邮箱: 'student@example.com' })
      await page.getByLabel('新密码', { exact: true }).fill(PASSWORD)
      await page.getByLabel('再次输入新密码').fill(PASSWORD)
      await page.getByRole('button', { name: '完成注册' }).click()
      await expect(page.getByText('注册成功')).toBeVisible()
      await picture(page, 'registered')
      await page.getByRole('link', { name: '进入首页' }).click()
      await settled(page)
    })

    test('the student hands in the record', async () => {
      const page = person('student')
      await page.goto(`${student}/origin/edit`)
      await (size === 'phone' ? answerOneByOne(page) : fillInAtOnce(page))
      await page.getByLabel('我已逐项核对').check()
      await picture(page, 'record')
      await page.getByRole('button', { name: '保存并送审' }).click()
      await expect(page.getByText('待审核').first()).toBeVisible()
    })

    test('the office approves the record by the keyboard', async () => {
      const page = person('office')
      await page.goto(`/c/review/origin/${someone.id}`)
      await expect(page.getByRole('heading', { name: new RegExp(someone.name) }).first()).toBeVisible()
      await picture(page, 'record-review')
      await page.keyboard.press('a')
      await expect(page.getByText(`已通过：${someone.name}`)).toBeVisible()
    })

    test('an employer writes an offer and sends it', async ({ browser }) => {
      const page = (people.employer = await open(browser))
      await page.goto('/login?as=employer')
      await fill(page, { 手机号或电子邮箱: LOGINS.employer.login, 密码: LOGINS.employer.password })
      await proveByWork(page)
      await page.getByRole('button', { name: '登录' }).click()
      await page.waitForURL('**/e/home')
      await settled(page)
      await page.goto('/e/agreements/new')
      await pick(page, '学校', LOGINS.student.school, /./)
      await fill(page, { 学号: someone.number, 姓名: someone.name, 岗位: '软件工程师' })
      await page.getByLabel('职位类别').selectOption({ index: 1 })
      await pick(page, '工作地点', '南岗', /南岗区/)
      await fill(page, { 工作地址: '哈尔滨市南岗区大直街1号', 劳动合同期限: '36', 转正月薪: '6000', 试用期: '3' })
      await page.getByLabel('试用期月薪').fill('4000')
      await page.getByLabel('报到期限').fill(`${new Date().getFullYear() + 1}-07-10`)
      // What the law says of a wage on trial is said while it is typed.
      await expect(page.getByText('80%').first()).toBeVisible()
      await page.getByLabel('试用期月薪').fill('5400')
      await picture(page, 'offer')
      await page.getByRole('button', { name: '保存并预览' }).click()
      await page.waitForURL(/\/e\/agreements\/[0-9a-f-]{36}$/)
      await page.getByRole('button', { name: '发出邀请' }).click()
      await page.getByRole('dialog').getByRole('button', { name: '发出邀请' }).click()
      await expect(page.getByText(`已向${someone.name}发出邀请`)).toBeVisible()
    })

    test('the student reads the letter for as long as it takes, and signs', async () => {
      const page = person('student')
      await page.goto(`${student}/signing/online`)
      await page.getByRole('link', { name: /查看邀请函|同意/ }).first().click()
      await page.waitForURL(/\/[0-9a-f-]{36}$/)
      await settled(page)
      agreement = page.url().split('/').at(-1) ?? ''
      await picture(page, 'letter')
      await page.getByRole('link', { name: '同意' }).or(page.getByRole('button', { name: '同意' })).first().click()
      await namePlaces(page, size === 'phone')
      const now = page.getByRole('button', { name: '现在签约' })
      await expect(now).toBeDisabled()
      await expect(now).toBeEnabled({ timeout: 30_000 })
      await now.click()
      await expect(page.getByText('已签约，等学校审核').first()).toBeVisible()
      await picture(page, 'signed')
    })

    test('the office approves the agreement', async () => {
      const page = person('office')
      await page.goto(`/c/review/agreement/${agreement}`)
      await expect(page.getByText(someone.name).first()).toBeVisible()
      await expect(page.getByRole('button', { name: /^通过/ })).toBeEnabled()
      await picture(page, 'agreement-review')
      await page.getByRole('button', { name: /^通过/ }).click()
      await expect(page.getByText(`已通过：${someone.name}`)).toBeVisible()
    })

    test('the student downloads the sealed agreement, and anybody can verify it', async () => {
      const page = person('student')
      await page.goto(`${student}/signing/online`)
      await page.getByRole('link', { name: /查看/ }).first().click()
      await page.waitForURL(/\/[0-9a-f-]{36}$/)
      const download = page.getByRole('link', { name: '下载三方协议书' }).or(page.getByRole('button', { name: '下载三方协议书' }))
      await expect(async () => {
        await page.reload()
        await expect(download.first()).toBeVisible({ timeout: 3_000 })
      }).toPass({ timeout: 60_000 })
      await picture(page, 'approved')
      const [file] = await Promise.all([page.waitForEvent('download'), download.first().click()])
      const path = await file.path()
      const { readFileSync } = await import('node:fs')
      const bytes = readFileSync(path)
      expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')

      await page.goto('/verify')
      await page.locator('input[type=file]').setInputFiles(path)
      await expect(page.getByText(/有效|已生效|一致/).first()).toBeVisible()
      await picture(page, 'verified')
    })

    test('no page of the walk complained', () => {
      expect(heard).toEqual([])
    })
  })
}

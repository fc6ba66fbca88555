// The staff of a department: made by the office for one class, in by a token and an authenticator, and seeing and doing only theirs.
import type { Page } from '@playwright/test'
import { dialog, expect, fill, forgive, handIn, look, PASSWORD, type Student, test, told, visit } from './people'
import { get, LOGINS, post, totp } from './session'

const LOGIN = `dean.${Date.now().toString(36)}`
let token = ''
let recovery = ''
let counsellor: Page
let own: Student
let department = ''

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ student }) => {
  own = await student()
  await handIn(own.page.context())
})

test('the office makes an account for one class of one department', async ({ office }) => {
  const record = await get<{ locked: { department: string; className: string } }>(office.context(), `/v1/students/${own.id}`)
  department = record.locked.department
  await visit(office, '/c/staff')
  await office.getByRole('button', { name: '新建账号' }).click()
  const form = dialog(office, '新建账号')
  await form.getByRole('button', { name: '新建账号' }).click()
  await expect(form.getByRole('alert')).toBeFocused()
  await expect(form.getByRole('alert')).toContainText('请选择院系')
  await fill(form, { 姓名: '孙辅导员', 登录名: LOGIN, 只负责这些班级: record.locked.className })
  await form.getByLabel('院系', { exact: true }).selectOption(department)
  await look(office, 'new-counsellor')
  await form.getByRole('button', { name: '新建账号' }).click()
  const shown = dialog(office, /孙辅导员的激活码/)
  await expect(shown).toBeVisible()
  token = (await shown.locator('code').first().innerText()).trim()
  await look(office, 'token')
  await shown.getByRole('button', { name: '已转交' }).click()
  await expect(office.getByRole('row', { name: new RegExp(LOGIN) })).toContainText(department)
})

test('the counsellor activates it and ties an authenticator', async ({ open }) => {
  counsellor = await open()
  await visit(counsellor, '/activate')
  await fill(counsellor, { 激活码: token, 再次输入密码: PASSWORD })
  await counsellor.getByLabel('设置密码', { exact: true }).fill(PASSWORD)
  await counsellor.getByRole('button', { name: '设置密码并登录' }).click()
  await counsellor.waitForURL(/second-factor/)
  await expect(counsellor.getByRole('img', { name: /二维码/ })).toBeVisible()
  const secret = (await counsellor.locator('.secret').innerText()).replaceAll(/\s/g, '')
  await look(counsellor, 'second-factor')
  await counsellor.getByLabel('六位验证码').fill(await totp(secret))
  await counsellor.getByRole('button', { name: '绑定', exact: true }).click()
  await expect(counsellor.getByRole('heading', { name: '恢复码' })).toBeVisible()
  await expect(counsellor.locator('ol.codes li')).toHaveCount(10)
  recovery = (await counsellor.locator('ol.codes li').first().innerText()).trim()
  await look(counsellor, 'recovery-codes')
  await counsellor.getByRole('button', { name: '进入工作台' }).click()
  await expect(counsellor.getByText('我已经保存好恢复码').first()).toBeVisible()
  await counsellor.getByLabel('我已经保存好恢复码').check()
  await counsellor.getByRole('button', { name: '进入工作台' }).click()
  await counsellor.waitForURL('**/c/home')
  await look(counsellor, 'home')
})

test('the token is good once', async ({ open }) => {
  forgive(/staff:activate/)
  const page = await open()
  await visit(page, '/activate')
  await fill(page, { 激活码: token, 再次输入密码: PASSWORD })
  await page.getByLabel('设置密码', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: '设置密码并登录' }).click()
  await expect(page.getByText(/已使用或已超过 72 小时/)).toBeVisible()
  await expect(page.getByLabel('激活码')).toBeFocused()
  await page.context().close()
})

test('the menu is without what is the office\'s', async () => {
  const menu = counsellor.getByRole('navigation', { name: '主菜单' })
  for (const name of ['首页', '审核', '学生查询', '通知公告']) await expect(menu.getByRole('link', { name })).toBeVisible()
  for (const name of ['名单导入', '工作人员', '学校设置', '求助', '审计与安全', '用人单位']) await expect(menu.getByRole('link', { name })).toHaveCount(0)
})

test('only students of the class are there', async ({ office }) => {
  const all = await get<{ students: { id: string; department: string }[] }>(office.context(), '/v1/students?pageSize=100')
  const other = all.students.find((one) => one.department !== department)
  await visit(counsellor, '/c/students')
  const names = counsellor.getByRole('row').filter({ has: counsellor.getByRole('cell') })
  await expect(names.filter({ hasText: own.number })).toHaveCount(1)
  const mine = await get<{ students: { department: string }[] }>(counsellor.context(), '/v1/students?pageSize=100')
  expect(new Set(mine.students.map((one) => one.department))).toEqual(new Set([department]))
  await expect(names).toHaveCount(mine.students.length)
  await look(counsellor, 'students')
  forgive(/v1\/students\//)
  await visit(counsellor, `/c/students/${other?.id ?? ''}`)
  await expect(counsellor.getByText(/没有找到/).first()).toBeVisible()
})

test('pages of the office are closed', async () => {
  for (const path of ['/c/staff', '/c/settings', '/c/roster', '/c/audit', '/c/tickets']) {
    await visit(counsellor, path)
    await expect(counsellor.getByRole('heading', { name: '没有权限访问这个页面' })).toBeVisible()
  }
  await look(counsellor, 'forbidden')
})

test('with one level the school decides, and the department is told so', async () => {
  await visit(counsellor, `/c/review/origin/${own.id}`)
  await expect(counsellor.getByRole('heading', { name: own.name })).toBeVisible()
  await expect(counsellor.getByRole('button', { name: /^通过/ })).toBeDisabled()
})

test.describe('two levels', () => {
  test.afterAll(async ({ office }) => {
    await post(office.context(), `/v1/schools/${LOGINS.student.school}`, { reviewLevels: 1 }, 'PATCH')
  })

  test('the department passes first, then the school', async ({ office }) => {
    await visit(office, '/c/settings')
    await fill(office, { 联系人: '高老师', 联系电话: '0451-86412345' })
    await office.getByLabel(/两级：院系初审/).check()
    await office.getByRole('button', { name: '保存' }).click()
    await told(office, '已保存')
    // What was handed in before keeps its levels: hand in anew. The queue hears of it a moment later.
    await handIn(own.page.context())
    const waiting = counsellor.getByRole('list', { name: '等待审核的事项' }).locator(`a[href*="${own.id}"]`)
    await expect(async () => {
      await visit(counsellor, '/c/queue')
      await expect(waiting).toBeVisible({ timeout: 1_000 })
    }).toPass({ timeout: 20_000 })
    await waiting.click()
    await expect(counsellor.getByRole('heading', { name: own.name })).toBeVisible()
    await look(counsellor, 'first-level')
    await counsellor.getByRole('button', { name: /^通过/ }).click()
    await told(counsellor, `已通过：${own.name}`)
    await visit(own.page, '/s/origin')
    await expect(own.page.getByText('院系已通过').first()).toBeVisible()
    await visit(office, `/c/review/origin/${own.id}`)
    await office.getByRole('button', { name: /^通过/ }).click()
    await told(office, `已通过：${own.name}`)
  })

  test('the office goes back to one level', async ({ office }) => {
    await visit(office, '/c/settings')
    await office.getByLabel(/一级：学校直接审核/).check()
    await office.getByRole('button', { name: '保存' }).click()
    await told(office, '已保存')
    const { reviewLevels } = await get<{ reviewLevels: number }>(office.context(), `/v1/schools/${LOGINS.student.school}`)
    expect(reviewLevels).toBe(1)
  })
})

test('the counsellor, without the telephone at hand, comes in with a recovery code', async ({ open }) => {
  const page = await open('phone')
  await visit(page, '/login?as=staff')
  await fill(page, { 登录名: LOGIN, 密码: PASSWORD })
  await page.getByRole('button', { name: '看不清' }).click()
  await expect(page.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await page.getByRole('button', { name: '手机不在身边？用恢复码' }).click()
  await look(page, 'recovery')
  await page.getByLabel('恢复码').fill(recovery)
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await page.waitForURL('**/c/home')
  await page.context().close()
})

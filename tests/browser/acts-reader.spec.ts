// What who cannot see the pages is told, where a machine's rules do not reach: names of dialogs, what is announced, where the
// focus goes and comes back to, headers of tables, and the words of one page as they are read out.
import { sql } from './database'
import { afterWrongPassword, DESK, dialog, expect, forgive, look, PASSWORD, test, visit } from './people'

test('a page of each role has one main part, one first heading and a named menu', async ({ office, province, employer }) => {
  for (const [page, path] of [[office, '/c/students'], [province, '/p/employers'], [employer, '/e/agreements']] as const) {
    await visit(page, path)
    await expect(page.getByRole('main')).toHaveCount(1)
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1)
    await expect(page.getByRole('banner')).toHaveCount(1)
    await expect(page.getByRole('contentinfo')).toHaveCount(1)
    await expect(page.getByRole('navigation', { name: '主菜单' }).getByRole('link', { name: /./ }).and(page.locator('[aria-current=page]'))).toHaveCount(1)
  }
})

test('the first press of Tab offers the way past the menu', async ({ office }) => {
  await visit(office, '/c/students')
  await office.keyboard.press('Tab')
  await expect(office.getByRole('link', { name: '跳到主要内容' })).toBeFocused()
  await office.keyboard.press('Enter')
  await expect(office.getByRole('main')).toBeFocused()
})

test('a new page puts the focus on its heading and its name into the title', async ({ office }) => {
  await visit(office, '/c/students')
  await office.getByRole('navigation', { name: '主菜单' }).getByRole('link', { name: '工作人员' }).click()
  await expect(office.getByRole('heading', { level: 1, name: '工作人员' })).toBeFocused()
  await expect(office).toHaveTitle(/^工作人员 - /)
  await office.goBack()
  await expect(office.getByRole('heading', { level: 1, name: '学生查询' })).toBeFocused()
})

test('a table has a name, its columns are headers, and its cells keep their labels as cards', async ({ office }) => {
  await visit(office, '/c/students')
  const table = office.getByRole('table', { name: '学生查询' })
  const headers = await table.getByRole('columnheader').allInnerTexts()
  expect(headers.length).toBeGreaterThan(3)
  expect(await table.locator('th').evaluateAll((cells) => cells.every((cell) => cell.getAttribute('scope') === 'col'))).toBe(true)
  await office.setViewportSize({ width: 390, height: 844 })
  const labels = await table.getByRole('row').nth(1).locator('td').evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-label')))
  expect(labels).toEqual(headers)
  // Drawn as cards it is still a table to who hears it.
  await expect(table.getByRole('row').nth(1).getByRole('cell')).toHaveCount(headers.length)
  await office.setViewportSize(DESK)
})

test('a dialog is named, holds the focus, ends with Escape, and gives the focus back', async ({ office }) => {
  await visit(office, '/c/staff')
  const opener = office.getByRole('button', { name: '新建账号' })
  await opener.focus()
  await office.keyboard.press('Enter')
  const form = dialog(office, '新建账号')
  await expect(form).toBeVisible()
  expect(await form.evaluate((element) => element.contains(document.activeElement))).toBe(true)
  // What stands behind is out of reach: the focus stays inside however often Tab is pressed.
  for (let press = 0; press < 15; press++) {
    await office.keyboard.press('Tab')
    expect(await form.evaluate((element) => element.contains(document.activeElement) || document.activeElement === document.body)).toBe(true)
  }
  await office.keyboard.press('Escape')
  await expect(form).toHaveCount(0)
  await expect(opener).toBeFocused()
})

test('a dialog that its own button closes gives the focus back as well', async ({ office }) => {
  await visit(office, '/c/staff')
  const opener = office.getByRole('button', { name: '新建账号' })
  await opener.click()
  await dialog(office, '新建账号').getByRole('button', { name: '关闭' }).click()
  await expect(dialog(office)).toHaveCount(0)
  await expect(opener).toBeFocused()
})

test('the summary of what is wrong takes the focus, leads to the fields, and marks the title', async ({ office }) => {
  await visit(office, '/c/staff')
  await office.getByRole('button', { name: '新建账号' }).click()
  const form = dialog(office, '新建账号')
  await form.getByRole('button', { name: '新建账号' }).click()
  const summary = form.getByRole('alert')
  await expect(summary).toBeFocused()
  await expect(office).toHaveTitle(/^错误：/)
  await summary.getByRole('link', { name: '请填写登录名' }).click()
  const field = form.getByLabel('登录名')
  await expect(field).toBeFocused()
  await expect(field).toHaveAttribute('aria-invalid', 'true')
  await expect(field).toHaveAccessibleDescription(/请填写登录名/)
  await office.keyboard.press('Escape')
})

test('one wrong field takes the focus itself', async ({ open }) => {
  const page = await open()
  await visit(page, '/verify')
  await page.goto('/login?as=employer')
  await page.getByLabel('手机号或电子邮箱').fill('hr@example.com')
  await page.getByRole('button', { name: '看不清' }).click()
  await expect(page.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await expect(page.getByLabel('密码', { exact: true })).toBeFocused()
  await page.context().close()
})

test('what was done is announced politely', async ({ student }) => {
  const { page } = await student()
  await visit(page, '/s/profile/privacy')
  // The place that announces is there before there is anything to announce.
  const place = page.locator('[role=status][aria-live=polite]').filter({ hasNotText: /./ }).first()
  await expect(place).toBeAttached()
  await page.getByRole('button', { name: '保存' }).click()
  await expect(page.getByRole('status').filter({ hasText: '已保存' })).toBeVisible()
  await page.context().close()
})

test('each dialog of an act has its own name and one first heading', async ({ office, province, employer }) => {
  const acts = [
    [office, '/c/settings', '修改', '学生注册'],
    [province, '/p/employers/blacklist', '列入黑名单', '列入黑名单'],
    [province, '/p/calendar', '调整推荐表的时间', /推荐表/],
    [province, '/p/admins', '新增省级管理员', '新增省级管理员'],
    [employer, '/e/members', '邀请成员', '邀请成员'],
    [employer, '/e/templates', '新建模板', '新建模板'],
  ] as const
  for (const [page, path, act, name] of acts) {
    await visit(page, path)
    await page.getByRole('button', { name: act }).first().click()
    await expect(dialog(page, name)).toBeVisible()
    await expect(dialog(page, name).getByRole('heading', { level: 2 })).toHaveCount(1)
    await page.keyboard.press('Escape')
    await expect(dialog(page)).toHaveCount(0)
  }
})

test('who is asked anew for the password is told why, and goes on where they were', async ({ student }) => {
  const { page, number } = await student()
  const context = page.context()
  // The sign-in is longer ago than what wants a fresh one allows; the page's next call has its token renewed.
  sql(`UPDATE identity.sessions SET auth_time = auth_time - interval '1 hour' WHERE account_id = (SELECT a.id FROM identity.accounts a JOIN identity.students s ON s.id = a.student_id WHERE s.student_number = '${number}')`)
  await context.clearCookies({ name: /qh_at$/ })
  await visit(page, '/s/profile/data')
  // The page finds out that its token is gone by asking who is here.
  forgive(/data:export|stepUp|v1\/account$/)
  const button = page.getByRole('button', { name: '导出 JSON' })
  await button.click()
  const asks = dialog(page, '请再次确认身份')
  await expect(asks).toContainText('需要确认是您本人操作')
  await asks.getByLabel('登录密码').fill('不是这个密码哦哦哦')
  await asks.getByRole('button', { name: '确认' }).click()
  await expect(asks.getByRole('alert').or(asks.locator('.error'))).toContainText('密码')
  await look(page, 'step-up')
  await afterWrongPassword(page)
  await asks.getByLabel('登录密码').fill(PASSWORD)
  const [file] = await Promise.all([page.waitForEvent('download'), asks.getByRole('button', { name: '确认' }).click()])
  expect(file.suggestedFilename()).toBe('my-data.json')
  await expect(asks).toHaveCount(0)
  await expect(button).toBeFocused()
  await context.close()
})

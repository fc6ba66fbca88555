// What a school's office does beside the main job: freezes, staff, records opened again, lock-outs, its days, its news, help, batches.
import type { Page } from '@playwright/test'
import { sql } from './database'
import { admit, because, dialog, enterStaff, enrol, expect, fill, forgive, handIn, look, offer, organisation, type Organisation, PASSWORD, settled, type Student, terms, test, told, visit } from './people'
import { get, LOGINS, post, prove } from './session'

/** Failed sign-ins that lock an account. */
const FAILURES = 10

test.describe('a freeze', () => {
  test.describe.configure({ mode: 'serial' })
  let somebody: Student
  let open = ''
  let draft = ''
  let theirs: Organisation

  test('the office freezes an employer for three days', async ({ office, province, open: opened, student }) => {
    theirs = await organisation(await opened(), '松花江示例餐饮')
    await admit(province.context(), theirs)
    somebody = await student({ approved: true })
    open = await offer(theirs.page.context(), somebody)
    const other = await student({ approved: true })
    draft = String((await post(theirs.page.context(), '/v1/agreements', { schoolCode: LOGINS.student.school, studentNumber: other.number, studentName: other.name, terms: terms() }))['id'])
    await visit(office, '/c/employers')
    await office.getByRole('link', { name: theirs.name }).click()
    await settled(office)
    await office.getByRole('button', { name: '暂停 72 小时' }).click()
    await look(office, 'freeze')
    await because(office, /^暂停/, '学生举报收取押金', '暂停 72 小时')
    await told(office, '已暂停')
    await expect(office.getByText('学生举报收取押金').first()).toBeVisible()
    await look(office, 'frozen')
  })

  test('the employer sends nothing to the school, and is told why', async () => {
    const employer = theirs.page
    forgive(new RegExp(`agreements/${draft}:send`))
    await expect(async () => {
      await visit(employer, `/e/agreements/${draft}`)
      await employer.getByRole('button', { name: '发出邀请' }).click()
      await dialog(employer).getByRole('button', { name: '发出邀请' }).click()
      await expect(dialog(employer).getByRole('alert')).toContainText('该校已暂停贵单位', { timeout: 3_000 })
    }).toPass({ timeout: 20_000 })
    await look(employer, 'frozen-send')
  })

  test('the student cannot accept, and is told why', async () => {
    await visit(somebody.page, `/s/signing/online/${open}`)
    await expect(somebody.page.getByText(/学校已暂停该单位与本校毕业生签约/).first()).toBeVisible()
    await expect(somebody.page.getByRole('link', { name: '同意', exact: true })).toHaveCount(0)
    await look(somebody.page, 'frozen-offer')
  })

  test('the office lifts it, and both go on', async ({ office }) => {
    const employer = theirs.page
    await office.getByRole('button', { name: '提前解除暂停' }).click()
    await dialog(office, '提前解除暂停').getByRole('button', { name: '提前解除暂停' }).click()
    await told(office, '已解除暂停')
    await expect(office.getByRole('heading', { name: /暂停/ })).toBeVisible()
    await expect(async () => {
      await visit(somebody.page, `/s/signing/online/${open}`)
      await expect(somebody.page.getByRole('link', { name: '同意', exact: true }).or(somebody.page.getByRole('button', { name: '同意', exact: true })).first()).toBeVisible({ timeout: 2_000 })
    }).toPass({ timeout: 20_000 })
    await visit(employer, `/e/agreements/${draft}`)
    await employer.getByRole('button', { name: '发出邀请' }).click()
    await dialog(employer).getByRole('button', { name: '发出邀请' }).click()
    await told(employer, /发出邀请/)
  })
})

test.describe('members of staff', () => {
  test.describe.configure({ mode: 'serial' })
  const login = `teacher.${Date.now().toString(36)}`
  let teacher: Page
  let recovery = ''
  const row = (office: Page) => office.getByRole('row', { name: new RegExp(login) })

  test('a name is mended', async ({ office, open }) => {
    const made = await post(office.context(), '/v1/staff', { role: 'ROLE_SCHOOL', login, name: '吴老师', schoolCode: LOGINS.student.school })
    teacher = await open()
    await post(teacher.context(), '/v1/staff:activate', { activationToken: made['activationToken'], password: PASSWORD })
    ;[recovery = ''] = (await enrol(teacher.context())).recovery
    await visit(office, '/c/staff')
    await row(office).getByRole('button', { name: '修改' }).click()
    await dialog(office, '修改账号').getByLabel('姓名').fill('吴敏老师')
    await dialog(office, '修改账号').getByRole('button', { name: '保存' }).click()
    await expect(row(office)).toContainText('吴敏老师')
    await look(office, 'staff')
  })

  test('who is disabled is out at once, and told so', async ({ office, open }) => {
    await visit(teacher, '/c/home')
    await row(office).getByRole('button', { name: '停用' }).click()
    await because(office, /^停用/, '已调离就业办', '停用')
    await told(office, /已停用/)
    await expect(row(office)).toContainText('已停用')
    forgive(/401|403/)
    // What is signed in with goes on for the minutes of its token; the session behind it is over.
    expect((await teacher.context().request.post('/v1/sessions:refresh', { data: {} })).ok()).toBe(false)
    const page = await open()
    await visit(page, '/login?as=staff')
    await fill(page, { 登录名: login, 密码: PASSWORD })
    await page.getByRole('button', { name: '看不清' }).click()
    await expect(page.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
    await page.getByRole('button', { name: '登录', exact: true }).click()
    await expect(page.getByText(/停用/).first()).toBeVisible()
    await page.context().close()
  })

  test('who is enabled comes in again', async ({ office, open }) => {
    await row(office).getByRole('button', { name: '启用' }).click()
    await told(office, /已启用/)
    teacher = await open()
    await enterStaff(teacher.context(), { login, password: PASSWORD, code: recovery })
    await visit(teacher, '/c/home')
  })

  test('a reset ends the sessions and gives a token that works', async ({ office, open }) => {
    await row(office).getByRole('button', { name: /重置/ }).click()
    await dialog(office, /^重置/).getByRole('button', { name: '生成激活码' }).click()
    const shown = dialog(office, /激活码/)
    const token = (await shown.locator('code').first().innerText()).trim()
    await shown.getByRole('button', { name: '已转交' }).click()
    forgive(/401|403/)
    expect((await teacher.context().request.post('/v1/sessions:refresh', { data: {} })).ok()).toBe(false)
    const page = await open()
    await visit(page, '/activate')
    await fill(page, { 激活码: token, 再次输入密码: `${PASSWORD}了` })
    await page.getByLabel('设置密码', { exact: true }).fill(`${PASSWORD}了`)
    await page.getByRole('button', { name: '设置密码并登录' }).click()
    await page.waitForURL((url) => !url.pathname.startsWith('/activate'))
    await settled(page)
    await page.context().close()
  })
})

test('a finished record is opened again, and its student sees why', async ({ office, student }) => {
  const somebody = await student({ approved: true })
  await visit(office, `/c/students/${somebody.id}`)
  await office.getByRole('button', { name: '重新开放填报' }).click()
  await look(office, 'reopen')
  await because(office, '重新开放这份生源信息', '家庭地址已变动，请改正后重新送审', '重新开放填报')
  await told(office, '已重新开放')
  await visit(somebody.page, '/s/origin')
  await expect(somebody.page.getByText('学校重新开放了这份信息')).toBeVisible()
  await expect(somebody.page.getByText('家庭地址已变动，请改正后重新送审').first()).toBeVisible()
  await look(somebody.page, 'reopened')
  await handIn(somebody.page.context())
  await visit(somebody.page, '/s/origin')
  await expect(somebody.page.getByText('待审核').first()).toBeVisible()
})

test('a student who is locked out is let in by the office', async ({ office, student, open }) => {
  const somebody = await student()
  await somebody.page.context().close()
  const page = await open('phone')
  const who = { schoolCode: LOGINS.student.school, studentNumber: somebody.number }
  for (let failure = 0; failure < FAILURES; failure++) {
    const answer = await page.context().request.post('/v1/sessions:loginStudent', { data: { ...who, password: `不是${PASSWORD}`, ...(await prove(page.context())) }, headers: { 'x-qihang-client': 'web' } })
    expect(answer.ok()).toBe(false)
    if (failure < FAILURES - 1) sql('UPDATE identity.login_throttles SET next_time = now() WHERE NOT locked')
  }
  const signIn = async (): Promise<void> => {
    await visit(page, '/h5/login')
    await page.getByRole('combobox', { name: '所在学校' }).fill(LOGINS.student.school)
    await page.locator('.code-list').getByRole('option').first().click()
    await fill(page, { 学号: somebody.number, 密码: PASSWORD })
    await page.getByRole('button', { name: '看不清' }).click()
    await expect(page.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
    await page.getByRole('button', { name: '登录', exact: true }).click()
  }
  forgive(/loginStudent/)
  await signIn()
  await expect(page.getByRole('alert')).toContainText(/锁定|分钟/)
  await page.screenshot({ path: test.info().outputPath('locked.png'), fullPage: true })
  await visit(office, '/c/audit')
  await office.getByRole('link', { name: '登录锁定' }).click()
  await settled(office)
  const row = office.getByRole('row', { name: new RegExp(somebody.number) })
  await expect(row).toContainText('学生')
  await look(office, 'lockouts')
  await row.getByRole('button', { name: /解除.*锁定/ }).click()
  await because(office, /锁定/, '本人持学生证到办公室', '解除锁定')
  await told(office, '已解除锁定')
  await signIn()
  await page.waitForURL((url) => !url.pathname.endsWith('/login'))
  await page.context().close()
})

test('the school has days of its own within the province\'s, and gives them up', async ({ office }) => {
  await visit(office, '/c/settings')
  const row = office.getByRole('row', { name: /推荐表/ })
  await row.getByRole('button', { name: '修改' }).click()
  const days = dialog(office, '推荐表')
  await days.getByLabel('开始日期').fill('2027-03-01')
  await days.getByRole('button', { name: '保存' }).click()
  await expect(days.getByText('两个日期都填，或都不填').first()).toBeVisible()
  await days.getByLabel('结束日期').fill('2027-02-01')
  await days.getByRole('button', { name: '保存' }).click()
  await expect(days.getByText('结束日期不能早于开始日期').first()).toBeVisible()
  await look(office, 'own-days')
  await days.getByLabel('结束日期').fill('2027-06-30')
  await days.getByRole('button', { name: '保存' }).click()
  await told(office, '已保存')
  await expect(row).toContainText('2027年3月1日')
  await look(office, 'settings')
  await row.getByRole('button', { name: '修改' }).click()
  await days.getByRole('button', { name: '清空日期' }).click()
  await days.getByRole('button', { name: '保存' }).click()
  await expect(row).toContainText('按省里的时间')
})

test('an announcement is written, published, read and withdrawn', async ({ office, student }) => {
  const reader = await student()
  const title = `宣讲会安排 ${Date.now()}`
  await visit(office, '/c/announcements')
  await office.getByRole('link', { name: '写公告' }).or(office.getByRole('button', { name: '写公告' })).first().click()
  await settled(office)
  await fill(office, { 标题: title, 正文: '## 地点\n\n主楼 101，**请带证件**。' })
  await expect(office.getByText('主楼 101').last()).toBeVisible()
  await look(office, 'announcement-write')
  await office.getByRole('button', { name: /草稿/ }).click()
  await office.waitForURL(/announcements\/[0-9a-f-]{36}$/)
  await settled(office)
  await office.getByRole('button', { name: '发布', exact: true }).click()
  await dialog(office).getByRole('button', { name: '发布', exact: true }).click()
  await expect(office.getByText('已发布').first()).toBeVisible()
  await look(office, 'announcement')
  await visit(reader.page, '/s/announcements')
  await reader.page.getByRole('link', { name: new RegExp(title) }).click()
  await expect(reader.page.getByRole('heading', { name: title })).toBeVisible()
  const address = reader.page.url()
  await look(reader.page, 'announcement-read')
  await office.getByRole('button', { name: '撤回', exact: true }).click()
  await because(office, /^撤回/, '时间有变动，另行通知', '撤回')
  await expect(office.getByText('时间有变动，另行通知').first()).toBeVisible()
  forgive(/v1\/announcements/)
  await visit(reader.page, '/s/announcements')
  await expect(reader.page.getByText(title)).toHaveCount(0)
  await reader.page.goto(address)
  await expect(reader.page.getByText('没有找到').first()).toBeVisible()
})

test('one call for help is answered, another closed, and the asker sees the answer', async ({ office, open }) => {
  const asker = await open('phone')
  const byWork = async (): Promise<void> => {
    await asker.getByRole('button', { name: '看不清' }).click()
    await expect(asker.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
  }
  const ask = async (text: string): Promise<string> => {
    await visit(asker, `/h5/help-request?school=${LOGINS.student.school}`)
    await asker.getByLabel('无法登录').check()
    await fill(asker, { 姓名: '高同学', 本人手机: '13904516677', 具体情况: text })
    await byWork()
    await asker.getByRole('button', { name: '提交求助' }).click()
    const sent = asker.getByText(/求助已提交，编号/)
    await expect(sent).toBeVisible()
    return (await sent.innerText()).replace(/^.*编号\s*/s, '').trim()
  }
  const [answered, closed] = [await ask('忘了密码，收不到重置码。'), await ask('请问食堂几点开门？')]
  await look(asker, 'asked')
  await visit(office, '/c/tickets')
  await look(office, 'tickets')
  await office.getByRole('link', { name: answered }).click()
  await expect(office.getByText('忘了密码，收不到重置码。')).toBeVisible()
  await look(office, 'ticket')
  await office.getByRole('button', { name: /^已解决，答复/ }).click()
  await because(office, '已解决，答复', '已当面核实并重置', '已解决，答复')
  await told(office, '已答复求助')
  await visit(office, '/c/tickets')
  await office.getByRole('link', { name: closed }).click()
  await office.getByRole('button', { name: /^关闭求助/ }).click()
  await because(office, '关闭求助', '与就业无关', '关闭求助')
  await visit(office, '/c/tickets?state=RESOLVED')
  await expect(office.getByRole('row', { name: new RegExp(answered) })).toBeVisible()
  await office.getByRole('link', { name: '已关闭' }).click()
  await expect(office.getByRole('row', { name: new RegExp(closed) })).toBeVisible()
  await asker.getByRole('link', { name: '查询答复' }).click()
  await fill(asker, { 求助编号: answered, 本人手机: '13904516677' })
  await byWork()
  await asker.getByRole('button', { name: '查询答复' }).click()
  await expect(asker.getByText('已当面核实并重置')).toBeVisible()
  await look(asker, 'answered')
  await asker.context().close()
})

test('a batch passes what it can, and says of each line what came of it', async ({ office, student }) => {
  const [fresh, stale] = [await student({ listed: true }), await student({ listed: true })]
  // What the roster lacks may be added; all else is as it says.
  for (const one of [fresh, stale]) await handIn(one.page.context(), { familyContact: '家长' })
  const row = (one: Student) => office.getByRole('listitem').filter({ has: office.locator(`a[href*="${one.id}"]`) })
  await expect(async () => {
    await visit(office, '/c/queue?kind=ORIGIN&plain=1')
    for (const one of [fresh, stale]) await row(one).getByRole('checkbox').check({ timeout: 1_000 })
  }).toPass({ timeout: 20_000 })
  // Meanwhile one of them is passed by somebody else.
  const record = await get<{ version: number }>(office.context(), `/v1/students/${stale.id}`)
  await post(office.context(), `/v1/students/${stale.id}/origin:approve`, { version: record.version })
  await office.getByRole('button', { name: '批量通过 2 条' }).click()
  await look(office, 'batch')
  await dialog(office).getByRole('button', { name: '批量通过 2 条' }).click()
  const results = dialog(office, '批量通过的结果')
  await expect(results).toContainText('共 2 条，成功 1 条')
  await expect(results.getByRole('listitem').filter({ hasText: '未成功' })).toHaveCount(1)
  await look(office, 'batch-results')
  await results.getByRole('button', { name: '关闭' }).click()
  await expect(results).toHaveCount(0)
})

test('what a student has signed is on the page of the student', async ({ office }) => {
  const { students } = await get<{ students: { id: string }[] }>(office.context(), `/v1/students?text=${LOGINS.student.number}`)
  await visit(office, `/c/students/${students[0]?.id ?? ''}`)
  await office.getByRole('navigation', { name: '学生信息' }).getByRole('link', { name: '就业协议' }).click()
  const row = office.getByRole('table', { name: '就业协议' }).getByRole('row', { name: /签约完成/ })
  await expect(row).toHaveCount(1)
  await look(office, 'agreements')
  await row.getByRole('link').click()
  await expect(office.getByRole('heading', { name: /×/ })).toBeVisible()
  await look(office, 'agreement')
})

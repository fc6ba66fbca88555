// What an employer does beside the main job: takes offers back, offers anew, deletes drafts, changes and cancels what was signed, invites many by
// a sheet, keeps its members, and renews its admission.
import type { Page } from '@playwright/test'
import { sql } from './database'
import { accept, admit, because, dialog, enterEmployer, expect, fill, forgive, look, offer, organisation, type Organisation, PAPER, PASSWORD, read, settled, type Student, terms, test, told, visit } from './people'
import { get, LOGINS, post } from './session'
import { workbook } from './sheet'

test.describe('offers and agreements', () => {
  const people: Partial<Record<'amended' | 'cancelled' | 'declining' | 'withdrawn', Student>> = {}
  const offers: Partial<Record<keyof typeof people, string>> = {}
  const who = (name: keyof typeof people): Student & { offer: string } => {
    const [found, sent] = [people[name], offers[name]]
    if (found === undefined || sent === undefined) throw new Error(`no offer to who is to be ${name}`)
    return { ...found, offer: sent }
  }

  test.beforeAll(async ({ employer, student }) => {
    for (const name of ['amended', 'cancelled', 'declining', 'withdrawn'] as const) {
      const one = (people[name] = await student({ approved: true }))
      offers[name] = await offer(employer.context(), one)
    }
    const readings = []
    for (const name of ['amended', 'cancelled'] as const) readings.push(await read(who(name).page.context(), who(name).offer))
    for (const reading of readings) await accept(reading)
  })

  test.afterAll(async () => {
    for (const one of Object.values(people)) await one.page.context().close()
  })

  test('an offer is taken back from the list, and its student sees why', async ({ employer }) => {
    const { name, page, offer: id } = who('withdrawn')
    await visit(employer, '/e/agreements?state=PENDING_STUDENT')
    await employer.getByRole('checkbox', { name: `选择${name}的邀请` }).first().check()
    await look(employer, 'chosen-offers')
    await employer.getByRole('button', { name: '撤回邀请' }).click()
    await because(employer, '撤回 1 份邀请', '岗位已经取消', '撤回邀请')
    await expect(dialog(employer, '撤回结果')).toContainText('共 1 条，成功 1 条')
    await employer.keyboard.press('Escape')
    await visit(page, `/s/signing/online/${id}`)
    await expect(page.getByText('岗位已经取消').first()).toBeVisible()
    await look(page, 'withdrawn')
  })

  test('a student declines, and the employer offers anew on better terms', async ({ employer }) => {
    const { name, page, offer: id } = who('declining')
    await visit(page, `/s/signing/online/${id}`)
    await page.getByRole('button', { name: '拒绝', exact: true }).click()
    await look(page, 'decline')
    await because(page, '拒绝这份邀请', '月薪低于预期', '拒绝邀请')
    await told(page, '已拒绝这份邀请')
    await visit(employer, `/e/agreements/${id}`)
    await expect(employer.getByText('月薪低于预期').first()).toBeVisible()
    await look(employer, 'declined')
    await employer.getByRole('button', { name: '重新发出' }).click()
    await employer.waitForURL(/\/edit$/)
    await settled(employer)
    await expect(employer.getByLabel('岗位', { exact: true })).toHaveValue('软件工程师')
    await employer.getByLabel('转正月薪').fill('9000')
    await employer.getByLabel('试用期月薪').fill('8000')
    await employer.getByRole('button', { name: '保存并预览' }).click()
    await employer.waitForURL(/\/e\/agreements\/[0-9a-f-]{36}$/)
    await employer.getByRole('button', { name: '发出邀请' }).click()
    await dialog(employer).getByRole('button', { name: '发出邀请' }).click()
    await told(employer, `已向${name}发出邀请`)
    await visit(page, `/s/signing/online/${employer.url().split('/').at(-1) ?? ''}`)
    await expect(page.getByText('9,000').first()).toBeVisible()
  })

  test('a signed agreement is changed, and its student reads and confirms the change', async ({ employer }) => {
    const { page, offer: id } = who('amended')
    await visit(employer, `/e/agreements/${id}`)
    await employer.getByRole('button', { name: '修改协议' }).click()
    await employer.waitForURL(/\/edit$/)
    await settled(employer)
    await employer.getByRole('textbox', { name: '原因' }).fill('部门调整，月薪上调')
    await employer.getByLabel('转正月薪').fill('8800')
    await employer.getByLabel('试用期月薪').fill('7200')
    await look(employer, 'amend')
    await employer.getByRole('button', { name: '提交修改' }).click()
    await told(employer, '已提交修改')
    await visit(page, `/s/signing/online/${id}`)
    const changes = page.getByRole('table')
    await expect(changes.getByRole('row', { name: /8,?800/ })).toBeVisible()
    await look(page, 'amended')
    await page.getByRole('link', { name: '确认修改' }).or(page.getByRole('button', { name: '确认修改' })).first().click()
    await settled(page)
    await fill(page, { 档案接收单位: '哈尔滨市人才服务中心', 接收单位地址: '哈尔滨市道里区友谊路1号', 接收单位邮编: '150010', 接收单位联系人: '王芳', 接收单位电话: '0451-86608114', 户口迁移地址: '哈尔滨市南岗区学府路1号' })
    await page.getByRole('button', { name: '下一步：阅读' }).click()
    const now = page.getByRole('button', { name: '现在确认' })
    await expect(now).toBeDisabled()
    await look(page, 'confirm-amendment')
    await expect(now).toBeEnabled({ timeout: 30_000 })
    await now.click()
    await page.waitForURL(/signed$/)
    const { terms: agreed } = await get<{ terms: { salary: number } }>(page.context(), `/v1/agreements/${id}`)
    expect(agreed.salary).toBe(8800)
  })

  test('drafts are deleted, one on its page and the others from the list', async ({ employer }) => {
    const { name, number } = who('declining')
    const [first, ...others] = ['前端工程师', '测试工程师', '运维工程师'].map((position) => ({ schoolCode: LOGINS.student.school, studentNumber: number, studentName: name, terms: { ...terms(), position } }))
    const draft = await post(employer.context(), '/v1/agreements', first ?? {})
    for (const other of others) await post(employer.context(), '/v1/agreements', other)
    await visit(employer, `/e/agreements/${String(draft['id'])}`)
    await employer.getByRole('button', { name: '删除草稿' }).click()
    await look(employer, 'discard')
    await dialog(employer, '删除这份草稿').getByRole('button', { name: '取消' }).click()
    await employer.getByRole('button', { name: '删除草稿' }).click()
    await dialog(employer, '删除这份草稿').getByRole('button', { name: '删除草稿' }).click()
    await told(employer, '已删除草稿')
    await employer.waitForURL(/\/e\/agreements$/)
    await visit(employer, '/e/agreements?state=DRAFT')
    await expect(employer.getByRole('row', { name: /前端工程师/ })).toHaveCount(0)
    for (const position of ['测试工程师', '运维工程师']) await employer.getByRole('row', { name: new RegExp(position) }).getByRole('checkbox').check()
    await look(employer, 'chosen-drafts')
    await employer.getByRole('button', { name: '删除草稿' }).click()
    await dialog(employer, '删除 2 份草稿').getByRole('button', { name: '删除草稿' }).click()
    await expect(dialog(employer, '删除结果')).toContainText('共 2 条，成功 2 条')
    await employer.keyboard.press('Escape')
    await expect(employer.getByRole('row', { name: /测试工程师|运维工程师/ })).toHaveCount(0)
  })

  test('both cancel what the school has not decided', async ({ employer }) => {
    const { page, offer: id } = who('cancelled')
    await visit(page, `/s/signing/online/${id}`)
    await page.getByRole('button', { name: '申请撤销协议' }).click()
    await because(page, '申请撤销协议', '收到了研究生录取通知', '申请撤销')
    await told(page, '已申请撤销，等单位答复')
    await look(page, 'cancel-asked')
    await visit(employer, '/e/home')
    await expect(employer.getByText('学生申请撤销协议，请答复').first()).toBeVisible()
    await visit(employer, `/e/agreements/${id}`)
    await expect(employer.getByText('收到了研究生录取通知').first()).toBeVisible()
    await look(employer, 'cancel-answer')
    await employer.getByRole('button', { name: '同意撤销', exact: true }).click()
    await dialog(employer, '同意撤销协议').getByRole('button', { name: '同意撤销' }).click()
    await told(employer, '协议已撤销')
    await visit(page, `/s/signing/online/${id}`)
    await expect(page.getByText('双方撤销').first()).toBeVisible()
  })
})

/** The first step of many offers: what they have in common. */
async function commonTerms(page: Page): Promise<void> {
  await visit(page, '/e/bulk')
  const { position, workAddress, insurance, release } = terms() as Record<string, string>
  await fill(page, { 岗位: position ?? '', 工作地址: workAddress ?? '', 劳动合同期限: '36', 转正月薪: '8000', 试用期: '3', 社会保险与公积金: insurance ?? '', 可以解除的情形: release ?? '' })
  await page.getByLabel('试用期月薪').fill('7000')
  await page.getByLabel('职位类别').and(page.locator('select')).selectOption({ index: 1 })
  await page.getByRole('combobox', { name: '工作地点' }).fill('南岗')
  await page.locator('.code-list').getByRole('option', { name: /南岗区/ }).first().click()
  await page.getByLabel('报到期限').fill(`${new Date().getFullYear() + 1}-07-10`)
  await page.getByRole('button', { name: '下一步：学生名单' }).click()
  await expect(page.getByRole('heading', { name: '学生名单' })).toBeVisible()
}

test('many are invited by a workbook, and of the wrong line it is said what is wrong', async ({ employer, student }) => {
  const one = await student({ approved: true })
  await commonTerms(employer)
  const rows = [['学校', '学号', '姓名'], [LOGINS.student.school, one.number, one.name], [LOGINS.student.school, one.number, '张冠李']]
  const mimeType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
  await employer.locator('input[type=file]').setInputFiles({ name: '邀请名单.xlsx', mimeType, buffer: workbook(rows) })
  await expect(employer.getByText('已选择“邀请名单.xlsx”')).toBeVisible()
  await employer.getByRole('button', { name: '检查', exact: true }).click()
  await expect(employer.getByText('共 2 行，1 行可以发出')).toBeVisible()
  await expect(employer.getByRole('listitem').filter({ hasText: '张冠李' })).toContainText('第 3 行')
  await look(employer, 'bulk-checked')
  // The line breaks while they are sent: nothing is lost, and nobody is invited twice.
  forgive(/bulkOffer|ERR_FAILED/)
  await employer.route('**/v1/agreements:bulkOffer', (route) => route.abort(), { times: 1 })
  await employer.getByRole('button', { name: '发出 1 份邀请' }).click()
  await expect(employer.getByRole('alert').filter({ hasText: '连不上服务器' })).toBeVisible()
  await look(employer, 'bulk-broken')
  await employer.getByRole('button', { name: '发出 1 份邀请' }).click()
  await expect(employer.getByText('已发出 1 份，共 2 行')).toBeVisible()
  await look(employer, 'bulk-sent')
  const { agreements } = await get<{ agreements: { state: string }[] }>(one.page.context(), '/v1/agreements:mine')
  expect(agreements).toHaveLength(1)
  await one.page.context().close()
})

test('a long list breaks off after its first piece, and is gone on with', async ({ employer, student }) => {
  const one = await student({ approved: true })
  const unknown = Array.from({ length: 26 }, (_, at) => `${LOGINS.student.school},99990${String(at).padStart(3, '0')},无此人`)
  await commonTerms(employer)
  const csv = ['学校,学号,姓名', `${LOGINS.student.school},${one.number},${one.name}`, ...unknown].join('\r\n')
  await employer.locator('input[type=file]').setInputFiles({ name: '名单.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) })
  await employer.getByRole('button', { name: '检查', exact: true }).click()
  await expect(employer.getByText('共 27 行，1 行可以发出')).toBeVisible()
  await employer.getByRole('button', { name: '改正第 2 行' }).click()
  await expect(employer.locator('input:focus')).toHaveAttribute('aria-label', /第 2 行/)
  forgive(/bulkOffer|ERR_FAILED/)
  let calls = 0
  await employer.route('**/v1/agreements:bulkOffer', (route) => (++calls === 2 ? route.abort() : route.continue()))
  await employer.getByRole('button', { name: '发出 1 份邀请' }).click()
  await expect(employer.getByText('中途中断。已发出的不会重复')).toBeVisible()
  await employer.getByRole('button', { name: '继续发出' }).click()
  await expect(employer.getByText('已发出 1 份，共 27 行')).toBeVisible()
  await employer.unroute('**/v1/agreements:bulkOffer')
  const { agreements } = await get<{ agreements: { state: string }[] }>(one.page.context(), '/v1/agreements:mine')
  expect(agreements).toHaveLength(1)
  await one.page.context().close()
})

test.describe('an organisation', () => {
  test.describe.configure({ mode: 'serial' })
  let ours: Organisation
  let colleague: Page
  const stamp = String(Date.now()).slice(-8)

  test('invites a colleague, who joins by the token', async ({ open, province }) => {
    ours = await organisation(await open(), '龙江示例科技')
    await admit(province.context(), ours)
    await visit(ours.page, '/e/members')
    await ours.page.getByRole('button', { name: '邀请成员' }).click()
    const form = dialog(ours.page, '邀请成员')
    await fill(form, { 姓名: '吴专员', 手机号码: `137${stamp}`, 电子邮箱: `wu${stamp}@example.com` })
    await look(ours.page, 'invite')
    await form.getByRole('button', { name: '邀请', exact: true }).click()
    const shown = dialog(ours.page, /吴专员的激活码/)
    const token = (await shown.locator('code').first().innerText()).trim()
    await look(ours.page, 'member-token')
    await shown.getByRole('button', { name: '已转交' }).click()
    colleague = await open()
    await visit(colleague, '/join')
    await fill(colleague, { 激活码: token, 再次输入密码: PASSWORD })
    await colleague.getByLabel('设置密码', { exact: true }).fill(PASSWORD)
    await colleague.getByRole('button', { name: '设置密码并登录' }).click()
    await colleague.waitForURL('**/e/home')
    await look(colleague, 'colleague')
  })

  test('a colleague who may not sign drafts and is told who may', async () => {
    await visit(colleague, '/e/members')
    await expect(colleague.getByRole('button', { name: '邀请成员' })).toHaveCount(0)
    await visit(colleague, '/e/org')
    await expect(colleague.getByRole('link', { name: '变更资料或续期' })).toHaveCount(0)
  })

  test('gives the colleague another role, and takes them out', async () => {
    const { page } = ours
    await visit(page, '/e/members')
    const row = page.getByRole('row', { name: /吴专员/ })
    await row.getByRole('button', { name: '更改身份：吴专员' }).click()
    await dialog(page, /更改吴专员的身份/).getByLabel(/^签约人/).check()
    await dialog(page).getByRole('button', { name: '更改身份' }).click()
    await told(page, '已更改身份')
    await expect(row).toContainText('签约人')
    await look(page, 'members')
    await row.getByRole('button', { name: '移除：吴专员' }).click()
    await because(page, '移除吴专员', '已离职', '移除')
    await told(page, '已移除')
    await expect(row).toHaveCount(0)
    await page.getByRole('button', { name: '显示已移除的' }).click()
    await expect(row).toContainText('已移除')
    expect((await colleague.context().request.post('/v1/sessions:refresh', { data: {} })).ok()).toBe(false)
    await colleague.context().close()
  })

  test('somebody asks to join and is let in', async ({ open }) => {
    const asker = await open('phone')
    await visit(asker, '/join/request')
    await fill(asker, { 统一社会信用代码: ours.code, 姓名: '郑同事', 本人手机: `136${stamp}`, 电子邮箱: `zheng${stamp}@example.com`, 给管理员的留言: '人事部新同事', 再次输入密码: PASSWORD })
    await asker.getByLabel('设置密码', { exact: true }).fill(PASSWORD)
    await asker.getByRole('button', { name: '看不清' }).click()
    await expect(asker.getByText('已通过验证')).toBeVisible({ timeout: 60_000 })
    await asker.getByRole('button', { name: '提交申请' }).click()
    await expect(asker.getByText(/已向.*提交申请/)).toBeVisible()
    const { page } = ours
    await visit(page, '/e/members')
    await page.getByRole('button', { name: '同意加入：郑同事', exact: true }).click()
    await dialog(page, /同意郑同事加入/).getByRole('button', { name: '同意加入' }).click()
    await told(page, '已同意加入')
    await enterEmployer(asker.context(), `136${stamp}`)
    await visit(asker, '/e/home')
    await asker.context().close()
  })

  test('an admission that ended is renewed with new papers', async ({ province }) => {
    // A year passes.
    sql(`UPDATE identity.employers SET state = 'EXPIRED', approval_expire_time = now() - interval '1 day' WHERE id = '${ours.id}'`)
    const { page } = ours
    await visit(page, '/e/home')
    await expect(page.getByText('单位认证已过期')).toBeVisible()
    await look(page, 'expired')
    await page.getByRole('link', { name: '去续期' }).click()
    await expect(page.getByRole('heading', { level: 1, name: '认证续期' })).toBeVisible()
    for (const name of ['营业执照或登记证书', '授权书', '联系人身份证件']) {
      await page.getByLabel(name).setInputFiles(PAPER)
      await expect(page.getByRole('group').or(page.locator('.field')).filter({ hasText: name }).getByText('paper.png')).toBeVisible()
    }
    await look(page, 'renewal')
    await page.getByRole('button', { name: '提交续期' }).click()
    await told(page, '已提交，等省就业中心审核')
    await visit(province, `/p/employers/${ours.id}`)
    await look(province, 'renewal-review')
    await province.getByRole('button', { name: '通过认证' }).click()
    await told(province, /已通过/)
    await visit(page, '/e/org')
    await expect(page.getByText('已认证').first()).toBeVisible()
    await page.context().close()
  })
})

// What an employer does beside the main job: keeps its members, and renews its admission.
import type { Page } from '@playwright/test'
import { sql } from './database'
import { admit, because, dialog, enterEmployer, expect, fill, look, organisation, type Organisation, PAPER, PASSWORD, test, told, visit } from './people'

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

// What a student does beside the main job: own data, devices, password, privacy, portrait, corrections,
// leaving, and on a phone the places that an offer asks for.
import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'
import { afterWrongPassword, dialog, enterStudent, expect, fill, forgive, look, offer, PAPER, PASSWORD, PHONE, type Student, test, told, visit } from './people'
import { get } from './session'

let me: Student

test.beforeAll(async ({ student }) => {
  me = await student({ approved: true })
})

test.afterAll(async () => {
  await me.page.context().close()
})

/** A picture that is large enough for a portrait. */
async function portrait(page: Page): Promise<Buffer> {
  const data = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 1100 })
    const pen = canvas.getContext('2d')
    if (pen !== null) {
      pen.fillStyle = '#cfe3ff'
      pen.fillRect(0, 0, 900, 1100)
      pen.fillStyle = '#1b3a5c'
      pen.arc(450, 420, 220, 0, 2 * Math.PI)
      pen.fill()
    }
    return canvas.toDataURL('image/jpeg').split(',')[1] ?? ''
  })
  return Buffer.from(data, 'base64')
}

test('all data are taken along, to read and for programs', async () => {
  const { page } = me
  await visit(page, '/s/profile/data')
  await look(page, 'data')
  const [pdf] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '导出 PDF' }).click()])
  expect(pdf.suggestedFilename()).toBe('my-data.pdf')
  expect(readFileSync(await pdf.path()).subarray(0, 5).toString()).toBe('%PDF-')
  const [json] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '导出 JSON' }).click()])
  const told = readFileSync(await json.path(), 'utf8')
  expect(() => JSON.parse(told) as unknown).not.toThrow()
  expect(told).toContain(me.number)
})

test('the wish to leave is asked for, and taken back', async () => {
  const { page } = me
  await visit(page, '/s/profile/data')
  await page.getByRole('button', { name: '注销账户' }).click()
  const asks = dialog(page, '注销账户')
  await look(page, 'erasure')
  await asks.getByRole('button', { name: '取消' }).click()
  await expect(page.getByRole('button', { name: '注销账户' })).toBeVisible()
  await page.getByRole('button', { name: '注销账户' }).click()
  await asks.getByRole('button', { name: '申请注销' }).click()
  await expect(page.getByText(/账户将于.*注销/)).toBeVisible()
  await look(page, 'erasure-waits')
  await page.getByRole('button', { name: '撤回申请，保留账户' }).click()
  await expect(page.getByRole('button', { name: '注销账户' })).toBeVisible()
})

test('other devices are ended, one and all', async ({ open }) => {
  const others = [await open('phone'), await open(), await open()] as const
  for (const other of others) await enterStudent(other.context(), me.number)
  const { page } = me
  await visit(page, '/s/profile/devices')
  const devices = page.getByRole('main').getByRole('listitem').filter({ has: page.getByRole('button', { name: '结束登录' }) })
  const before = await devices.count()
  expect(before).toBeGreaterThanOrEqual(3)
  await look(page, 'devices')
  await devices.first().getByRole('button', { name: '结束登录' }).click()
  await told(page, '已结束')
  await expect(devices).toHaveCount(before - 1)
  await page.getByRole('button', { name: '结束其他全部登录' }).click()
  await expect(devices).toHaveCount(0)
  for (const other of others) {
    expect((await other.context().request.post('/v1/sessions:refresh', { data: {} })).ok()).toBe(false)
    await other.context().close()
  }
})

test('a new password signs the other devices out', async ({ open }) => {
  const { page } = me
  const other = await open('phone')
  await enterStudent(other.context(), me.number)
  await visit(page, '/s/profile/password')
  await fill(page, { 原始密码: '不是这个密码哦哦哦', 再次输入新密码: `${PASSWORD}又` })
  await page.getByLabel('新密码', { exact: true }).fill(`${PASSWORD}了`)
  await page.getByRole('button', { name: '修改密码' }).click()
  await expect(page.getByText('两次输入的密码不一致').first()).toBeVisible()
  await fill(page, { 再次输入新密码: `${PASSWORD}了` })
  forgive(/changePassword/)
  await page.getByRole('button', { name: '修改密码' }).click()
  await expect(page.getByText(/密码/).and(page.locator('.error, .summary p, .summary a')).first()).toBeVisible()
  await look(page, 'password-wrong')
  await afterWrongPassword(page)
  await fill(page, { 原始密码: PASSWORD })
  await page.getByRole('button', { name: '修改密码' }).click()
  await told(page, '密码已修改，1 台其他设备已退出登录')
  expect((await other.context().request.post('/v1/sessions:refresh', { data: {} })).ok()).toBe(false)
  await enterStudent(other.context(), me.number, `${PASSWORD}了`)
  await other.context().close()
})

test('privacy is chosen, and an employer kept away', async ({ employer }) => {
  const { page } = me
  await offer(employer.context(), me)
  await visit(page, '/s/profile/privacy')
  await page.getByLabel('仅投递和受邀单位').check()
  await page.getByLabel('让单位知道消息已读').setChecked(false)
  await page.getByRole('button', { name: '保存' }).click()
  await told(page, '已保存')
  const kept = await get<{ level: string; readMarks: boolean }>(page.context(), '/v1/privacy')
  expect(kept).toMatchObject({ level: 'LEVEL_OWN_EMPLOYERS', readMarks: false })
  await page.getByLabel('用人单位').and(page.locator('select')).selectOption({ index: 1 })
  await page.getByRole('button', { name: '屏蔽这家单位' }).click()
  await told(page, '已屏蔽')
  await look(page, 'privacy')
  await page.getByRole('button', { name: /^解除屏蔽/ }).click()
  await told(page, '已解除屏蔽')
  await expect(page.getByText('没有屏蔽任何单位。')).toBeVisible()
})

test('a portrait is cut and kept, and removed', async () => {
  const { page } = me
  await visit(page, '/s/profile/avatar')
  const input = page.locator('input[type=file]')
  await input.setInputFiles(PAPER)
  await expect(page.getByRole('alert')).toContainText(/小于|照片/)
  await input.setInputFiles({ name: '我.jpg', mimeType: 'image/jpeg', buffer: await portrait(page) })
  await expect(page.getByRole('img', { name: '裁剪预览' })).toBeVisible()
  await page.getByLabel('缩放').fill('1.5')
  await page.getByRole('button', { name: '左移' }).click()
  await page.getByRole('button', { name: '上移' }).click()
  await look(page, 'portrait')
  await page.getByRole('button', { name: '保存头像' }).click()
  await told(page, '头像已更新')
  const shown = page.getByRole('img', { name: '现在的头像' })
  await expect(shown).toBeVisible()
  // Twice the portrait's size was sent; the frame is as wide as high as a portrait's.
  await expect.poll(() => shown.evaluate((picture: HTMLImageElement) => picture.naturalWidth / picture.naturalHeight)).toBeLessThan(0.8)
  await look(page, 'portrait-kept')
  await page.getByRole('button', { name: '删除头像' }).click()
  await told(page, '头像已删除')
  await expect(page.getByText('还没有头像')).toBeVisible()
})

test('a correction is asked for with proof, and taken back', async ({ office }) => {
  const { page } = me
  await visit(page, '/s/origin/correct')
  await page.getByRole('button', { name: '申请纠错' }).click()
  await expect(page.getByRole('alert')).toBeFocused()
  await page.getByLabel('要更正哪一项').selectOption({ label: '姓名' })
  await page.getByLabel('姓名应当是').fill(`${me.name}雪`)
  await page.getByLabel('姓名的证明材料').setInputFiles(PAPER)
  await expect(page.getByText('paper.png')).toBeVisible()
  await page.getByLabel('再更正一项').selectOption({ label: '班级' })
  await page.getByRole('button', { name: '不更正班级' }).click()
  await fill(page, { 纠错原因: '户口簿上的姓名与学籍不同，已附证明' })
  await look(page, 'correction')
  await page.getByRole('button', { name: '申请纠错' }).click()
  await told(page, '已提交纠错申请')
  await expect(page.getByRole('insertion').filter({ hasText: `${me.name}雪` })).toBeVisible()
  await look(page, 'correction-sent')
  const { corrections } = await get<{ corrections: { id: string }[] }>(page.context(), '/v1/corrections')
  await visit(office, `/c/review/correction/${corrections[0]?.id ?? ''}`)
  await expect(office.getByRole('heading', { name: me.name })).toBeVisible()
  await look(office, 'correction-review')
  await page.getByRole('button', { name: '撤回' }).click()
  await dialog(page, '撤回这次纠错申请').getByRole('button', { name: '撤回' }).click()
  await told(page, '已撤回纠错申请')
  await expect(page.getByText('已撤回').first()).toBeVisible()
})

/** Has the reading be over at once, and the signature refused for one field. */
async function refuseAddress(page: Page): Promise<void> {
  await page.route('**/readTokens', async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), readyTime: new Date().toISOString() } })
  })
  const fields = [{ field: 'archive.address', message: '接收单位地址不在本省，请核对', code: 'INVALID' }]
  await page.route('**/*:accept', (route) => route.fulfill({ status: 400, contentType: 'application/problem+json', json: { status: 400, code: 'INVALID_FIELDS', detail: '请改正标出的内容', fields } }))
}

test('on a phone each place has a page, keeps what is typed, and is told what was wrong with it', async ({ employer, student }) => {
  const one = await student({ approved: true })
  const { page } = one
  await page.setViewportSize(PHONE)
  const sign = `/h5/signing/online/${await offer(employer.context(), one)}/sign`
  const [heading, next] = [page.getByRole('heading', { level: 1 }), page.getByRole('button', { name: '下一步', exact: true })]
  await visit(page, sign)
  await expect(heading).toHaveText('档案转到哪里')
  await next.click()
  await expect(page.getByRole('alert')).toBeFocused()
  await look(page, 'place-missing')
  await fill(page, { 档案接收单位: '哈尔滨市人才服务中心', 接收单位地址: '友谊路1号', 接收单位邮编: '150010' })
  await next.click()
  await expect(heading).toHaveText('接收单位的联系人')
  await expect(heading).toBeFocused()
  await fill(page, { 接收单位联系人: '王芳', 接收单位电话: '0451-86608114' })
  await page.reload()
  await expect(page.getByLabel('接收单位电话')).toHaveValue('0451-86608114')
  await look(page, 'place-contact')
  await next.click()
  await expect(heading).toHaveText('户口迁到哪里')
  await expect(page.getByLabel('户口迁移地址')).toHaveValue(/西大直街92号/)
  await page.getByRole('button', { name: '上一步' }).click()
  await expect(page.getByLabel('接收单位联系人')).toHaveValue('王芳')
  await next.click()
  await refuseAddress(page)
  await page.getByRole('button', { name: '下一步：阅读' }).click()
  await expect(page.getByText(/档案：哈尔滨市人才服务中心 友谊路1号 王芳/)).toBeVisible()
  await look(page, 'places-read')
  forgive(/:accept$/)
  await page.getByRole('button', { name: '现在签约' }).click()
  await expect(heading).toHaveText('档案转到哪里')
  await expect(page.getByLabel('接收单位地址')).toHaveAccessibleDescription(/不在本省/)
  await look(page, 'place-refused')
  await page.context().close()
})

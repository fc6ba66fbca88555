// What a student does beside the main job: own data, devices, password, privacy, portrait, corrections, and leaving.
import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'
import { enterStudent, expect, fill, forgive, look, offer, PAPER, PASSWORD, type Student, test, told, visit } from './people'
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

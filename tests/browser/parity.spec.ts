// What the manual shows a student in WeChat has a page in the phone app, and the portal has the same one.
import { expect, test } from '@playwright/test'
import { routesOf } from './router'

/** Pages of the manual that are there so far, with the names of their routes. */
const MANUAL: Record<string, string> = {
  登录: 'entry.login',
  学生注册: 'entry.register',
  查找学号: 'entry.find',
  忘记密码: 'entry.reset',
  生源信息核对: 'student.origin',
  '【编辑】【保存并送审】': 'student.originEdit',
  '【信息纠错】【申请纠错】': 'student.originCorrect',
  签约及去向登记: 'student.signing',
  线上签约: 'student.offers',
  '【查看邀请函】': 'student.offer',
  '【同意】【现在签约】': 'student.sign',
  '【查看详情】': 'student.signed',
  '【查看原图】': 'student.paper',
  签约使用指南: 'student.guide',
  基本信息: 'student.basic',
  头像: 'student.avatar',
  隐私设置: 'student.privacy',
  修改密码: 'student.password',
}

test('every page of the manual that is there is on the phone and in the portal', async ({ browser }) => {
  const [phone, portal] = [await routesOf(browser, '/h5'), await routesOf(browser, '')]
  const missing = Object.entries(MANUAL).filter(([, name]) => ![phone, portal].every((routes) => routes.some((route) => route.name === name)))
  expect(missing).toEqual([])
})

test("the portal's pages for students are the phone's", async ({ browser }) => {
  const names = async (app: '' | '/h5'): Promise<string[]> => {
    const routes = await routesOf(browser, app)
    return routes.filter((route) => route.roles.includes('STUDENT') && route.name.startsWith('student.')).map((route) => route.name).sort()
  }
  expect(await names('/h5')).toEqual(await names(''))
})

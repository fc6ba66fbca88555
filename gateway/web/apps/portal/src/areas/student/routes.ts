import { addArea, area } from '@qihang/ui'

addArea('student', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('student', undefined, [])

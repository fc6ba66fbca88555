import { addArea, area } from '@qihang/ui'

addArea('school', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('school', undefined, [])

import { addArea, area } from '@qihang/ui'

addArea('employer', { 'zh-CN': () => import('./locales/zh-CN.json'), en: () => import('./locales/en.json') })

export const routes = area('employer', undefined, [])

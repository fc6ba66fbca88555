import { studentRoutes } from '@qihang/student'

export const routes = studentRoutes('portal')

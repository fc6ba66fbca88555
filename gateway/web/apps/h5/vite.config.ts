import { app } from '../../build/vite.ts'

export default app('h5', '/h5/', 5174)

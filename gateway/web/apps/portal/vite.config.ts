import { app } from '../../build/vite.ts'

export default app('portal', '/', 5173)

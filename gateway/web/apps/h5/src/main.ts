import '@qihang/ui/styles/index.css'
import { start } from '@qihang/ui'
import App from './App.vue'
import { router } from './router'

start(App, router, { client: 'h5', signIn: '/login' })

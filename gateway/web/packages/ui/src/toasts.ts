// Short words about what was done. They stay until read or ten seconds have passed, and can be undone where it says so.
import { reactive } from 'vue'

export interface Toast {
  id: number
  text: string
  tone: 'good' | 'bad' | 'info'
  undo?: () => void
}

export const toasts = reactive<Toast[]>([])
let next = 1

export function toast(text: string, options: { tone?: Toast['tone']; undo?: () => void } = {}): void {
  const entry: Toast = { id: next++, text, tone: options.tone ?? 'good', ...(options.undo === undefined ? {} : { undo: options.undo }) }
  toasts.push(entry)
  setTimeout(() => dismiss(entry.id), 10_000)
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((entry) => entry.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

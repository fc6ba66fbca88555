// Single keys for who reviews all day. They rest while something is typed, and can be switched off (WCAG 2.1.4).
import { onScopeDispose, ref, watch, type Ref } from 'vue'

const STORED = 'qihang.review.keys'

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, [role="combobox"]') !== null)
}

/** Runs what a key is bound to; the switch is remembered on this device. */
export function useKeys(bound: Readonly<Record<string, () => void>>): Ref<boolean> {
  const on = ref(localStorage.getItem(STORED) !== 'off')
  watch(on, (to) => localStorage.setItem(STORED, to ? 'on' : 'off'))
  function press(event: KeyboardEvent): void {
    if (!on.value || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (typing(event.target) || document.querySelector('dialog[open]') !== null) return
    const act = bound[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  }
  window.addEventListener('keydown', press)
  onScopeDispose(() => window.removeEventListener('keydown', press))
  return on
}

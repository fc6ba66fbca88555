import type { Schema } from '@qihang/api'

export type WindowState = 'always' | 'never' | 'before' | 'open' | 'after'

/** Where a window is on a day of Beijing (yyyy-MM-dd). Without days it is always open. */
export function windowState(window: Schema<'identity.v1.CalendarWindow'>, today: string): WindowState {
  if (window.never) return 'never'
  if (window.effective === undefined) return 'always'
  if (today < window.effective.openDay) return 'before'
  return today > window.effective.closeDay ? 'after' : 'open'
}

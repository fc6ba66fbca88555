import { Problem } from '@qihang/api'
import { words } from './i18n'

/** What to tell people about a failure: the server's words, which name the way out, or our own where it had none. */
export function problemText(failure: unknown): string {
  const { t, te } = words
  if (!(failure instanceof Problem)) return t('ui.problem.unknown')
  if (failure.offline) return t('ui.problem.offline')
  const own = `ui.problem.codes.${failure.code}`
  if (words.locale.value === 'en' && te(own)) return t(own)
  if (failure.detail !== '') return failure.detail
  return failure.status >= 500 ? t('ui.problem.server') : t('ui.problem.unknown')
}

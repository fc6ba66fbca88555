// What every field of a form shares: its value, its complaint, and the ids that tie label, hint and complaint to it.
import { computed, useId, watchEffect, type ComputedRef, type WritableComputedRef } from 'vue'
import { useFormContext } from './form'

export interface FieldProps {
  /** The field's name in the form's values. */
  name: string
  /** Its label, in words. */
  label: string
  /** One sentence of help. */
  hint?: string
  /** Off for fields that a rule wants but that say so themselves. */
  hideOptional?: boolean
}

export interface Field<Value> {
  value: WritableComputedRef<Value>
  error: ComputedRef<string | undefined>
  optional: ComputedRef<boolean>
  id: string
  hintId: string
  errorId: string
  describedBy: ComputedRef<string | undefined>
}

export function useField<Value = string>(props: FieldProps): Field<Value> {
  const form = useFormContext()
  if (form === undefined) throw new Error(`the field ${props.name} stands in no FormPage`)
  const id = useId()
  const [hintId, errorId] = [`${id}-hint`, `${id}-error`]
  watchEffect(() => form.register(props.name, { label: props.label, id }))
  const error = computed(() => form.errors[props.name])
  return {
    value: computed({
      get: () => form.values[props.name] as Value,
      set: (to) => {
        form.values[props.name] = to
        // What is being mended is not complained about until it is sent again.
        delete form.errors[props.name]
      },
    }),
    error,
    optional: computed(() => props.hideOptional !== true && !form.isRequired(props.name)),
    id,
    hintId,
    errorId,
    describedBy: computed(() => [props.hint !== undefined ? hintId : '', error.value !== undefined ? errorId : ''].filter((part) => part !== '').join(' ') || undefined),
  }
}

/** Gives replies their class: by the operator's rules, then by those that are shipped. What was delivered has none. */
import type { Reply } from '../mail/outcome.ts';
import { compileClasses, type ClassRule } from '../mail/reply-class.ts';
import { SHIPPED_CLASSES } from '../mail/shipped-classes.ts';
import type { DeliveryResult, RecipientVerdict } from './deliverer.ts';

/** The same reply with its class; one that has a class keeps it. */
export type GiveClass = (reply: Reply) => Reply;

export function classGiver(rules: readonly ClassRule[]): GiveClass {
  const classify = compileClasses([...rules, ...SHIPPED_CLASSES]);
  return (reply) => (reply.class === undefined ? { ...reply, class: classify(reply) } : reply);
}

/** The result with a class for every answer that refuses or puts off. */
export function classified(result: DeliveryResult, giveClass: GiveClass): DeliveryResult {
  const { verdicts, trouble } = result;
  if (trouble === undefined && verdicts.every(isDelivered)) return result;
  return {
    ...result,
    verdicts: verdicts.map((verdict) =>
      isDelivered(verdict) ? verdict : { ...verdict, reply: giveClass(verdict.reply) },
    ),
    ...(trouble && { trouble: giveClass(trouble) }),
  };
}

function isDelivered({ state }: RecipientVerdict): boolean {
  return state === 'delivered' || state === 'succeeded' || state === 'expanded';
}

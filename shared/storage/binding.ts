import { z } from "zod";
import { BindingError } from "../errors.js";
import type { EntityTable } from "./entity-table.js";

const bindingSchema = z.object({
  organizationId: z.string().min(1),
  campaignTenant: z.string().min(1),
  epoch: z.number().int().min(1),
  createdAt: z.iso.datetime(),
});

/** Whom all other state belongs to (design.md §7): the Dynamics organisation and the Campaign tenant. A new epoch makes old versions count anew. */
export type Binding = Readonly<z.infer<typeof bindingSchema>>;

/** Reads and, once, creates the binding. */
export interface BindingStore {
  /** Undefined on a fresh store only. Throws BindingError when the row cannot be understood, UnavailableError when it cannot be read. */
  read(): Promise<Binding | undefined>;
  /** Binds the store, epoch 1. ConflictError: somebody bound it before; read what it is bound to. */
  create(binding: Pick<Binding, "organizationId" | "campaignTenant" | "createdAt">): Promise<Binding>;
}

const partition = "binding";
const row = "main";

/** The binding over an entity table. */
export function makeBindingStore(table: EntityTable): BindingStore {
  return {
    async read() {
      const entity = await table.get(partition, row);
      if (!entity) return undefined;
      const parsed = bindingSchema.safeParse(entity.values);
      if (parsed.success) return parsed.data;
      const member = parsed.error.issues[0]?.path.join(".") ?? "row";
      throw new BindingError(`the binding row is damaged: ${member} is wrong; restore it or start with empty tables`);
    },
    async create({ organizationId, campaignTenant, createdAt }) {
      const binding: Binding = bindingSchema.parse({ organizationId, campaignTenant, epoch: 1, createdAt });
      await table.insert(partition, row, { ...binding });
      return binding;
    },
  };
}

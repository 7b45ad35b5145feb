// Service Bus output bindings: what a successful run returned or set becomes messages.
import type { ServiceBusClient, ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import type { FunctionDefinition } from "../config/function-definition.js";
import type { InvocationResponse, TypedData } from "../worker/core-types.js";

/** Sends the outputs of one run, in order; rejects when one cannot be sent, which fails the run. */
export interface OutputSender {
  send(definition: FunctionDefinition, response: InvocationResponse): Promise<void>;
}

/** Senders are opened on first use, one for each connection and queue; `client` gives the client of a connection setting. */
export function makeOutputSender(client: (connection: string) => ServiceBusClient): OutputSender {
  const senders = new Map<string, ServiceBusSender>();
  const senderFor = (connection: string, queueName: string): ServiceBusSender => {
    const key = `${connection} ${queueName}`;
    const sender = senders.get(key) ?? client(connection).createSender(queueName);
    senders.set(key, sender);
    return sender;
  };
  return {
    send: async (definition, response) => {
      for (const output of definition.outputs) {
        const data = output.name === "$return" ? response.returnValue : dataOf(output.name, response);
        const messages = toMessages(data);
        if (messages.length > 0) await senderFor(output.connection, output.queueName).sendMessages(messages);
      }
    },
  };
}

function dataOf(name: string, response: InvocationResponse): TypedData | undefined {
  return response.outputData?.find((output) => output.name === name)?.data;
}

/**
 * Messages of one output: an array is one message for each element, anything else is one. Text goes as it is, objects as
 * JSON; null and undefined send nothing.
 */
export function toMessages(data: TypedData | null | undefined): ServiceBusMessage[] {
  if (!data) return [];
  if (data.bytes) return [{ body: Buffer.from(data.bytes), contentType: "application/octet-stream" }];
  if (typeof data.string === "string") return [toText(data.string)];
  const number = data.int ?? data.double;
  if (number !== undefined && number !== null) return [toText(String(number))];
  const value: unknown = JSON.parse(data.json ?? "null");
  return (Array.isArray(value) ? value : [value])
    .filter((element) => element !== null)
    .map((element) => toText(typeof element === "string" ? element : JSON.stringify(element)));
}

/** Bytes, so that the client does not wrap the text in quotation marks. */
function toText(text: string): ServiceBusMessage {
  return { body: Buffer.from(text, "utf8"), contentType: "text/plain" };
}

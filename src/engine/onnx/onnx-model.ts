import { ProtobufMessage } from './protobuf.ts';

/** Versions that onnxruntime-web runs: ONNX operators 21, its own operators 1, and the file format that goes with them. */
const IR_VERSION = 10;
const ONNX_OPSET = 21;
export const MICROSOFT = 'com.microsoft';

/** TensorProto.DataType of the ONNX specification. */
export const DATA_TYPES = { float32: 1, uint8: 2, int32: 6 } as const;
export type DataType = keyof typeof DATA_TYPES;

export type Attribute = { int: number } | { float: number };

export interface OnnxNode {
  operator: string;
  /** The default domain is ONNX's own. */
  domain?: typeof MICROSOFT;
  /** '' leaves an optional one out. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, Attribute>>;
}

export interface OnnxTensor {
  name: string;
  type: DataType;
  dims: readonly number[];
  /** Little-endian. */
  bytes: Uint8Array;
}

export interface OnnxValue {
  name: string;
  type: DataType;
  /** A name stands for a length that is known at run time only. */
  dims: readonly (number | string)[];
}

export interface OnnxGraph {
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxTensor[];
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
}

/** An ONNX file (onnx.proto of the ONNX specification; numbers below are its field numbers). */
export function encodeModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  return new ProtobufMessage()
    .varint(1, IR_VERSION)
    .message(7, encodeGraph(graph))
    .message(8, opset('', ONNX_OPSET))
    .message(8, opset(MICROSOFT, 1))
    .finish();
}

function opset(domain: string, version: number): ProtobufMessage {
  return new ProtobufMessage().text(1, domain).varint(2, version);
}

function encodeGraph({ nodes, initializers, inputs, outputs }: OnnxGraph): ProtobufMessage {
  const message = new ProtobufMessage();
  for (const node of nodes) message.message(1, encodeNode(node));
  message.text(2, 'layers');
  for (const tensor of initializers) message.message(5, encodeTensor(tensor));
  for (const value of inputs) message.message(11, encodeValue(value));
  for (const value of outputs) message.message(12, encodeValue(value));
  return message;
}

function encodeNode({ operator, domain, inputs, outputs, attributes = {} }: OnnxNode): ProtobufMessage {
  const message = new ProtobufMessage();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(3, outputs[0]!).text(4, operator);
  for (const [name, attribute] of Object.entries(attributes)) message.message(5, encodeAttribute(name, attribute));
  return domain ? message.text(7, domain) : message;
}

function encodeAttribute(name: string, attribute: Attribute): ProtobufMessage {
  const message = new ProtobufMessage().text(1, name);
  return 'int' in attribute ? message.varint(3, attribute.int).varint(20, 2) : message.float(2, attribute.float).varint(20, 1);
}

function encodeTensor({ name, type, dims, bytes }: OnnxTensor): ProtobufMessage {
  const message = new ProtobufMessage();
  for (const dim of dims) message.varint(1, dim);
  return message.varint(2, DATA_TYPES[type]).text(8, name).bytes(9, bytes);
}

function encodeValue({ name, type, dims }: OnnxValue): ProtobufMessage {
  const shape = new ProtobufMessage();
  for (const dim of dims) {
    const dimension = new ProtobufMessage();
    shape.message(1, typeof dim === 'number' ? dimension.varint(1, dim) : dimension.text(2, dim));
  }
  const tensor = new ProtobufMessage().varint(1, DATA_TYPES[type]).message(2, shape);
  return new ProtobufMessage().text(1, name).message(2, new ProtobufMessage().message(1, tensor));
}

"""Random valid blocks of every format, and the numbers that llama.cpp's own library makes of them.

    npm ci     (in this folder; brings the library)
    python3 dequantize.py node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so OUT.json
"""
import base64
import ctypes
import hashlib
import json
import random
import sys

# Name, number in ggml.h, and where a block keeps half-precision (or the top of float) numbers, which must be finite.
FORMATS = [
    ('F32', 0, [2]),
    ('F16', 1, [0]),
    ('BF16', 30, [0]),
    ('Q8_0', 8, [0]),
    ('Q4_0', 2, [0]),
    ('Q4_1', 3, [0, 2]),
    ('Q5_0', 6, [0]),
    ('Q5_1', 7, [0, 2]),
    ('Q2_K', 10, [80, 82]),
    ('Q3_K', 11, [108]),
    ('Q4_K', 12, [0, 2]),
    ('Q5_K', 13, [0, 2]),
    ('Q6_K', 14, [208]),
]
VALUES = 512


class TypeTraits(ctypes.Structure):
    """struct ggml_type_traits of ggml.h."""

    _fields_ = [
        ('type_name', ctypes.c_char_p),
        ('block_values', ctypes.c_int64),
        ('interleave', ctypes.c_int64),
        ('block_bytes', ctypes.c_size_t),
        ('is_quantized', ctypes.c_bool),
        ('to_float', ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
        ('from_float_ref', ctypes.c_void_p),
    ]


def random_blocks(blocks, block_bytes, halves):
    data = bytearray(random.randbytes(blocks * block_bytes))
    for block in range(blocks):
        for at in halves:
            # Without the top exponent bit a number is finite; among 512 some are subnormal and some negative.
            data[block * block_bytes + at + 1] &= 0xBF
    return bytes(data)


def expand(traits, data):
    if traits.type_name == b'f32':
        return data
    out = ctypes.create_string_buffer(4 * VALUES)
    traits.to_float(data, ctypes.addressof(out), VALUES)
    return out.raw


def main(library_path, out_path):
    library = ctypes.CDLL(library_path)
    library.ggml_get_type_traits.restype = ctypes.POINTER(TypeTraits)
    random.seed(20)
    cases = []
    for name, number, halves in FORMATS:
        traits = library.ggml_get_type_traits(number).contents
        data = random_blocks(VALUES // traits.block_values, traits.block_bytes, halves)
        encode = lambda raw: base64.b64encode(raw).decode()
        cases.append({'type': name, 'blocks': encode(data), 'values': encode(expand(traits, data))})
    with open(library_path, 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    lines = ',\n'.join('  ' + json.dumps(case) for case in cases)
    oracle = json.dumps({'library': 'libggml-base of node-llama-cpp 3.22.1', 'sha256': digest})
    with open(out_path, 'w') as file:
        file.write(f'{{\n "oracle": {oracle},\n "cases": [\n{lines}\n ]\n}}\n')


main(*sys.argv[1:])

/* The gazetteer's pair, made by build_gazetteer, as read-only bytes of the program. */
    .section .rodata
    .global gazetteer_index, gazetteer_index_bytes
    .global gazetteer_data, gazetteer_data_bytes

    .balign 64
gazetteer_index:
    .incbin "gazetteer.idx"
index_end:

    .balign 64
gazetteer_data:
    .incbin "gazetteer.dat"
data_end:

    .balign 8
gazetteer_index_bytes:
    .quad index_end - gazetteer_index
gazetteer_data_bytes:
    .quad data_end - gazetteer_data

    .section .note.GNU-stack, "", @progbits

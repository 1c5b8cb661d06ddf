/* The gazetteer's pair, made by build_gazetteer, as read-only bytes of the program. */
    .section .rodata
    .global gazetteer_index, gazetteer_index_end
    .global gazetteer_data, gazetteer_data_end

    .balign 64
gazetteer_index:
    .incbin "gazetteer.idx"
gazetteer_index_end:

    .balign 64
gazetteer_data:
    .incbin "gazetteer.dat"
gazetteer_data_end:

    .section .note.GNU-stack, "", @progbits

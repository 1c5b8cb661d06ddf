/* The dashboard's page, put together by assemble.sh, plain and compressed, as read-only bytes of
 * the program. */
    .section .rodata
    .global dashboard_page, dashboard_page_bytes
    .global dashboard_small, dashboard_small_bytes

dashboard_page:
    .incbin "dashboard.html"
page_end:

dashboard_small:
    .incbin "dashboard.html.gz"
small_end:

    .balign 8
dashboard_page_bytes:
    .quad page_end - dashboard_page
dashboard_small_bytes:
    .quad small_end - dashboard_small

    .section .note.GNU-stack, "", @progbits

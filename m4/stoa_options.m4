dnl SPDX-License-Identifier: MIT
dnl stoa_options.m4 - the configure options; each sets STOA_CFLAGS and STOA_LDFLAGS

AC_DEFUN([STOA_OPTION_WARNINGS], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [a warning is an error])],
	[], [enable_werror=no])
# A struct may grow without touching those who fill the fields before: what is left out is zero.
STOA_CFLAGS="-Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
STOA_LDFLAGS=
AS_IF([test "x$enable_werror" = xyes], [STOA_CFLAGS="$STOA_CFLAGS -Werror"])
AC_SUBST([STOA_CFLAGS])
AC_SUBST([STOA_LDFLAGS])
])

AC_DEFUN([STOA_OPTION_DEBUG], [
AC_ARG_ENABLE([debug],
	[AS_HELP_STRING([--enable-debug@<:@=full@:>@],
		[check promises between functions; full: walk whole structures too])],
	[], [enable_debug=no])
STOA_CPPFLAGS=
AS_CASE([$enable_debug],
	[no], [],
	[yes], [STOA_CPPFLAGS="-DSTOA_DEBUG=1"],
	[full], [STOA_CPPFLAGS="-DSTOA_DEBUG=2"],
	[AC_MSG_ERROR([--enable-debug takes no value or full])])
stoa_debug=$enable_debug
AC_SUBST([STOA_CPPFLAGS])
])

AC_DEFUN([STOA_OPTION_SANITIZER], [
AC_ARG_WITH([sanitizer],
	[AS_HELP_STRING([--with-sanitizer=LIST], [build with -fsanitize=LIST])],
	[], [with_sanitizer=no])
stoa_sanitizer=$with_sanitizer
STOA_SANITIZER=
AC_SUBST([STOA_SANITIZER])
AS_IF([test "x$with_sanitizer" != xno], [
	stoa_fsanitize="-fsanitize=$with_sanitizer"
	STOA_SANITIZER=$with_sanitizer
	AS_CASE([$with_sanitizer],
		[*undefined*], [stoa_fsanitize="$stoa_fsanitize -fno-sanitize-recover=undefined"])
	stoa_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS $stoa_fsanitize"
	AC_MSG_CHECKING([whether $CC links with $stoa_fsanitize])
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no])
		 AC_MSG_ERROR([the compiler has no such sanitizer: $with_sanitizer])])
	CFLAGS=$stoa_save_CFLAGS
	STOA_CFLAGS="$STOA_CFLAGS $stoa_fsanitize -fno-omit-frame-pointer"
	STOA_LDFLAGS="$STOA_LDFLAGS $stoa_fsanitize"
])
])

## SPDX-License-Identifier: MIT
##
## make deb    Debian packages in deb/ of the build directory, from the tarball that make dist makes; with
##             DEB_BUILD_OPTIONS=nocheck without the tests

EXTRA_DIST += %D%/changelog %D%/control %D%/copyright %D%/libstoa-dev.install \
	%D%/libstoa0.install %D%/rules %D%/source/format %D%/stoa.install

deb: dist
	@command -v dh >/dev/null || { echo 'make deb: please install debhelper'; exit 1; }
	rm -rf deb
	mkdir deb
	tar -C deb -xf $(distdir).tar.xz
	cd deb/$(distdir) && dpkg-buildpackage -b -us -uc
	@ls -l deb/*.deb

.PHONY: deb

/**
 * Model numbers of the processors that a platform row stands for: the vendors' numbering, in which one digit is the generation.
 * Matched against the model name without marks, letter case ignored. Mobile suffixes (H, U, HX) are other platforms and match nothing here.
 */
const END = "(?![A-Z0-9])";

export const modelPatterns: Readonly<Record<string, string>> = {
  "ryzen-3000-5000-desktop-am4": `Ryzen [3579] (PRO )?[345]\\d{3}(XT|X3D|X|GE|G|E|F)?${END}`,
  "ryzen-7000-desktop-am5": `Ryzen [3579] (PRO )?[78]\\d{3}(X3D|X|GE|G|E|F)?${END}`,
  "ryzen-9000-desktop-am5": `Ryzen [3579] (PRO )?9\\d{3}(X3D|X|GE|G|E|F)?${END}`,
  "ryzen-ai-300-strix-point": `Ryzen AI [3579] (HX )?(PRO )?3\\d{2}${END}`,
  "ryzen-ai-max-strix-halo": "Ryzen AI MAX",
  "ryzen-threadripper-2000-1000": `Threadripper [12]\\d{3}W?X${END}`,
  "ryzen-threadripper-3000": `Threadripper 3\\d{3}X${END}`,
  "ryzen-threadripper-pro-3000wx-5000wx": `Threadripper PRO [35]\\d{3}WX${END}`,
  "ryzen-threadripper-7000": `Threadripper 7\\d{3}X${END}`,
  "ryzen-threadripper-pro-7000wx": `Threadripper PRO 7\\d{3}WX${END}`,
  "ryzen-threadripper-9000": `Threadripper 9\\d{3}X${END}`,
  "ryzen-threadripper-pro-9000wx": `Threadripper PRO 9\\d{3}WX${END}`,
  "epyc-7001-naples": `EPYC 7\\d{2}1P?${END}`,
  "epyc-7002-rome": `EPYC 7[0-9A-Z]\\d2P?${END}`,
  "epyc-7003-milan": `EPYC 7[0-9A-Z]\\d3[PX]?${END}`,
  "epyc-8004-siena": `EPYC 8\\d{2}4PN?${END}`,
  "epyc-4004": `EPYC 4\\d{2}4PX?${END}`,
  "epyc-9004-genoa-bergamo": `EPYC 9\\d[0-9A-Z]4[FPSX]?${END}`,
  "epyc-9005-turin": `EPYC 9\\d[0-9A-Z]5[FPS]?${END}`,
  "xeon-e5-v3-v4-haswell-broadwell-ep": `Xeon (CPU )?E5-[1246]\\d{3}[A-Z]? v[34]${END}`,
  "xeon-scalable-1st-gen-skylake-sp": `(Platinum|Gold|Silver|Bronze) [3-8]1\\d{2}[A-Z]*${END}`,
  "xeon-scalable-2nd-gen-cascade-lake": `(Platinum|Gold|Silver|Bronze) [3-8]2\\d{2}[A-Z]*${END}`,
  "xeon-scalable-3rd-gen-ice-lake-sp": `(Platinum|Gold|Silver) [3-8]3\\d{2}[A-Z]*${END}`,
  "xeon-scalable-4th-gen-sapphire-rapids": `(Platinum|Gold|Silver|Bronze) [3-8]4\\d{2}[A-Z]*${END}`,
  "xeon-scalable-5th-gen-emerald-rapids": `(Platinum|Gold|Silver|Bronze) [3-8]5\\d{2}[A-Z]*${END}`,
  "xeon-6-6700p-granite-rapids-sp": `Xeon 6[57]\\d{2}P`,
  "xeon-6-6900p-granite-rapids-ap": `Xeon 69\\d{2}P`,
  "xeon-6-6700e-sierra-forest": `Xeon 67\\d{2}E`,
  "xeon-w-3400-w-3500": `w\\d-3[45]\\d{2}X?${END}`,
  "xeon-w-2400": `w\\d-2[45]\\d{2}X?${END}`,
  "core-12th-gen-desktop-alder-lake-s": `i[3579]-12\\d{3}(KS|KF|K|F|T)?${END}`,
  "core-13th-14th-gen-desktop-raptor-lake-s": `i[3579]-1[34]\\d{3}(KS|KF|K|F|T)?${END}`,
  "core-ultra-200s-arrow-lake-s": `Ultra [3579] 2\\d{2}(KF|K|F|T)?${END}`,
  "core-ultra-100h-meteor-lake": `Ultra [3579] 1\\d{2}[HU]L?${END}`,
  "core-ultra-200v-lunar-lake": `Ultra [3579] 2\\d{2}V${END}`,
  "n100-n305-alder-lake-n": `N(50|9[57]|100|150|200|250|30[05]|350|355)${END}`,
};

#include "geocoder/country.h"

#include <string.h>

#define CODE_BYTES 3
#define ENTRY_BYTES (CODE_BYTES + 2)

/* ISO 3166-1 in the order of the alpha-3 codes, each followed by its alpha-2 code; Kosovo has only
 * codes for users' own purposes. */
static const char codes[] =
    "ABWawAFGafAGOaoAIAaiALAaxALBalANDadAREaeARGarARMamASMasATAaqATFtfATGagAUSauAUTatAZEaz"
    "BDIbiBELbeBENbjBESbqBFAbfBGDbdBGRbgBHRbhBHSbsBIHbaBLMblBLRbyBLZbzBMUbmBOLboBRAbrBRBbb"
    "BRNbnBTNbtBVTbvBWAbwCAFcfCANcaCCKccCHEchCHLclCHNcnCIVciCMRcmCODcdCOGcgCOKckCOLcoCOMkm"
    "CPVcvCRIcrCUBcuCUWcwCXRcxCYMkyCYPcyCZEczDEUdeDJIdjDMAdmDNKdkDOMdoDZAdzECUecEGYegERIer"
    "ESHehESPesESTeeETHetFINfiFJIfjFLKfkFRAfrFROfoFSMfmGABgaGBRgbGEOgeGGYggGHAghGIBgiGINgn"
    "GLPgpGMBgmGNBgwGNQgqGRCgrGRDgdGRLglGTMgtGUFgfGUMguGUYgyHKGhkHMDhmHNDhnHRVhrHTIhtHUNhu"
    "IDNidIMNimINDinIOTioIRLieIRNirIRQiqISLisISRilITAitJAMjmJEYjeJORjoJPNjpKAZkzKENkeKGZkg"
    "KHMkhKIRkiKNAknKORkrKWTkwLAOlaLBNlbLBRlrLBYlyLCAlcLIEliLKAlkLSOlsLTUltLUXluLVAlvMACmo"
    "MAFmfMARmaMCOmcMDAmdMDGmgMDVmvMEXmxMHLmhMKDmkMLImlMLTmtMMRmmMNEmeMNGmnMNPmpMOZmzMRTmr"
    "MSRmsMTQmqMUSmuMWImwMYSmyMYTytNAMnaNCLncNERneNFKnfNGAngNICniNIUnuNLDnlNORnoNPLnpNRUnr"
    "NZLnzOMNomPAKpkPANpaPCNpnPERpePHLphPLWpwPNGpgPOLplPRIprPRKkpPRTptPRYpyPSEpsPYFpfQATqa"
    "REUreROUroRUSruRWArwSAUsaSDNsdSENsnSGPsgSGSgsSHNshSJMsjSLBsbSLEslSLVsvSMRsmSOMsoSPMpm"
    "SRBrsSSDssSTPstSURsrSVKskSVNsiSWEseSWZszSXMsxSYCscSYRsyTCAtcTCDtdTGOtgTHAthTJKtjTKLtk"
    "TKMtmTLStlTONtoTTOttTUNtnTURtrTUVtvTWNtwTZAtzUGAugUKRuaUMIumURYuyUSAusUZBuzVATvaVCTvc"
    "VENveVGBvgVIRviVNMvnVUTvuWLFwfWSMwsXKSxkXKXxkYEMyeZAFzaZMBzmZWEzw";

struct slice country_code(const char *alpha3)
{
    size_t least = 0;
    size_t beyond = (sizeof codes - 1) / ENTRY_BYTES;
    if (strlen(alpha3) != CODE_BYTES)
        return (struct slice){0};
    while (least < beyond) {
        size_t middle = least + (beyond - least) / 2;
        const char *entry = codes + middle * ENTRY_BYTES;
        int order = memcmp(alpha3, entry, CODE_BYTES);
        if (order == 0)
            return (struct slice){entry + CODE_BYTES, ENTRY_BYTES - CODE_BYTES};
        if (order < 0)
            beyond = middle;
        else
            least = middle + 1;
    }
    return (struct slice){0};
}
